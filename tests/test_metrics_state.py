"""What the store holds, in numbers."""

from threading import Event

import pytest
from fakes import MemoryRecords
from histories import History
from runs import TASKS, write_iteration
from scraped import families, scraped, value
from world import PUSH, REACH, World

from flywheel.core.commands import iterations, policies
from flywheel.core.control import IterationState
from flywheel.core.errors import StoreError, StoreUnavailableError
from flywheel.core.iteration import record_key
from flywheel.loop import run
from flywheel.metrics.metric import ANY, Where
from flywheel.metrics.state import StateMetrics
from flywheel.metrics.table import TABLE
from flywheel.store.chronicle import RecordedChronicle

TURNS = 300


def text_of(metrics: StateMetrics, *, supervisor_up: bool = True) -> str:
    return metrics.text(supervisor_up=supervisor_up)


def of_world(world: World) -> StateMetrics:
    return StateMetrics(
        chronicle=RecordedChronicle(records=world.records),
        records=world.records,
        episodes=world.episodes,
        labels=world.labels,
        gate_attempts=5,
        patience_s=60.0,
    )


@pytest.fixture(scope="module")
def turned() -> World:
    """A real loop's two improvement iterations, each promoted, and its final assessment."""
    world = World()
    run(world.ports(), iterations=2)
    return world


@pytest.fixture(scope="module")
def long() -> History:
    """Iterations that ended in every way."""
    history = History()
    for _ in range(TURNS):
        history.turn()
    history.add_campaigns()
    history.add_records()
    return history


def test_a_finished_run_in_numbers(turned: World):
    text = text_of(of_world(turned))

    def of(name, **labels):
        return value(text, f"flywheel_{name}", **labels)

    assert of("iteration") == 2
    assert of("iterations_total", outcome="succeeded") == 3
    assert of("iterations_total", outcome="failed") == 0
    assert of("gate_decisions_total", decision="promote") == 3
    assert of("deployments_total", cause="gate") == 3
    assert of("deployments_total", cause="rollback") == 0
    assert of("policy_info", status="live", policy_version="policy-0002") == 1
    assert of("policy_info", status="candidate", policy_version="policy-0002") == 1
    assert of("stage_duration_seconds_count", stage="train") == 3
    assert of("stage_duration_seconds_count", stage="ingest") == 1
    assert sum(of("stage_running", stage=stage) for stage in ("plan", "collect", "deploy")) == 0
    assert of("stage_started_timestamp_seconds") is None
    assert of("iteration_started_timestamp_seconds") is None
    assert of("iteration_finished_timestamp_seconds", outcome="succeeded") > 0
    assert of("iteration_finished_timestamp_seconds", outcome="failed") is None
    # Iteration 2 is the second of five gates.
    assert of("error_budget_remaining_ratio") == pytest.approx(3 / 5)
    evaluated = turned.records.read(record_key(2, "evaluate"))
    assert of("success_ratio", task=REACH, status="live") == evaluated["tasks"][REACH]["rate"]
    assert of("success_ratio_lower", task=PUSH, status="live") == evaluated["tasks"][PUSH]["lower"]
    assert of("success_episodes", task=REACH, status="candidate") == evaluated["tasks"][REACH]["episodes"]
    assert of("gate_pairs") == max(map(len, evaluated["evidence"]["pairs"].values()))
    planned = turned.records.read(record_key(2, "plan"))["collect"][REACH]
    assert of("planned_episodes", task=REACH) == planned["fresh"] + len(planned["revisit"])
    assert of("commits_total", table="labels") == 3
    assert of("data_bytes", table="episodes") == turned.episodes.size().num_bytes > 0
    assert of("store_up") == of("supervisor_up") == 1


def test_every_episode_of_the_table_is_counted_once(turned: World):
    text = text_of(of_world(turned))
    counted = {
        tuple(dict(labels)[name] for name in ("task", "source", "outcome")): number
        for (name, labels), number in scraped(text).items()
        if name == "flywheel_episodes_total" and number
    }
    there: dict[tuple[str, str, str], int] = {}
    for summary in turned.episodes.summaries():
        kind = (summary.task, str(summary.source), str(summary.outcome))
        there[kind] = there.get(kind, 0) + 1
    assert counted == there


def test_before_anything_was_asked_for_there_is_nothing_but_zeros():
    values = scraped(text_of(History().metrics(), supervisor_up=False))
    assert values.pop(("flywheel_store_up", ())) == 1
    assert {number for (name, _), number in values.items() if not name.endswith("_info")} == {0.0}


def test_the_running_stage_is_the_one_that_is_due():
    history = History()
    metrics = history.metrics()
    history.turn()
    number = history.begin()
    write_iteration(history.records, number, [40, 30], live=[30, 30])

    def running() -> list[str]:
        values = scraped(text_of(metrics))
        return [
            dict(labels)["stage"] for (name, labels), on in values.items() if name == "flywheel_stage_running" and on
        ]

    assert running() == ["plan"]
    for stage, following in (("plan", "collect"), ("collect", "relabel"), ("relabel", "train"), ("train", "evaluate")):
        history.complete(number, stage)
        assert running() == [following]
    assert value(text_of(metrics), "flywheel_iterations_pending", state="running") == 1
    assert value(text_of(metrics), "flywheel_stage_started_timestamp_seconds") > 0
    history.complete(number, "evaluate")
    history.add(iterations.wait_for_approval, number, reason="")
    assert running() == []
    assert value(text_of(metrics), "flywheel_iterations_pending", state="waiting") == 1
    assert value(text_of(metrics), "flywheel_iteration_started_timestamp_seconds") > 0
    history.finish(number, IterationState.CANCELLED)
    assert running() == []
    assert value(text_of(metrics), "flywheel_iterations_total", outcome="cancelled") == 1
    assert value(text_of(metrics), "flywheel_iteration_started_timestamp_seconds") is None


def test_the_first_iteration_ingests():
    history = History()
    number = history.begin()
    write_iteration(history.records, number, [40, 30])
    history.complete(number, "plan")
    assert value(text_of(history.metrics()), "flywheel_stage_running", stage="ingest") == 1


def test_live_and_candidate_are_told_apart_by_what_they_are_now():
    history = History()
    for number, (promote, wins, live) in enumerate([(True, [40, 30], None), (False, [25, 10], [35, 30])]):
        assert history.begin() == number
        write_iteration(history.records, number, wins, live=live, promote=promote)
        for stage in ("plan", "evaluate"):
            history.complete(number, stage)
        if promote:
            history.add(policies.promote, "policy-0000", reason="good", iteration=number)
        history.finish(number, IterationState.SUCCEEDED)
    text = text_of(history.metrics())
    assert value(text, "flywheel_success_ratio", task=TASKS[0], status="live") == 35 / 50
    assert value(text, "flywheel_success_ratio", task=TASKS[0], status="candidate") == 25 / 50
    assert value(text, "flywheel_policy_info", status="live", policy_version="policy-0000") == 1
    history.add(policies.promote, "policy-0001", reason="a person knows better")
    text = text_of(history.metrics())
    assert value(text, "flywheel_success_ratio", task=TASKS[0], status="live") == 25 / 50
    assert value(text, "flywheel_deployments_total", cause="person") == 1
    assert value(text, "flywheel_deployment_timestamp_seconds", cause="person") > 0
    history.add(policies.roll_back, reason="she did not")
    text = text_of(history.metrics())
    assert value(text, "flywheel_success_ratio", task=TASKS[0], status="live") == 35 / 50
    assert value(text, "flywheel_deployments_total", cause="rollback") == 1


def test_two_processes_say_the_same_whenever_they_started(long: History):
    early = long.metrics()
    text_of(early)
    long.turn()
    assert text_of(early) == text_of(long.metrics())


def test_counters_never_fall_not_even_over_restarts():
    history = History(seed=1)
    counters = {metric.name for metric in TABLE if metric.kind == "counter"}
    counters |= {"flywheel_stage_duration_seconds_count", "flywheel_stage_duration_seconds_sum"}
    before: dict = {}
    running = history.metrics()
    for turn in range(40):
        history.turn()
        values = scraped(text_of(running if turn % 2 else history.metrics()))
        for series, number in before.items():
            assert values[series] >= number, series
        before = {series: number for series, number in values.items() if series[0] in counters}
    assert before["flywheel_iterations_total", (("outcome", "failed"),)] > 0


def test_after_a_long_run_labels_have_only_values_of_the_table(long: History):
    text = text_of(long.metrics())
    allowed = {metric.name: metric for metric in TABLE if metric.where is Where.STATE}
    seen: dict[str, set[str]] = {}
    for (name, labels), _ in scraped(text).items():
        metric = (
            allowed[name.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count")]
            if (name not in allowed)
            else allowed[name]
        )
        for label, found in labels:
            if label == "le":
                continue
            if metric.values[label] is not ANY:
                assert found in metric.values[label], (name, label, found)
            elif label == "task":
                assert found in TASKS
            seen.setdefault(f"{name}/{label}", set()).add(found)
    # Hundreds of iterations later there are as many series as after a few.
    assert len(seen["flywheel_policy_info/policy_version"]) <= 2
    assert seen["flywheel_iterations_total/outcome"] == {"succeeded", "rejected", "failed", "cancelled"}
    assert seen["flywheel_episodes_total/source"] == {"demonstration", "collection", "evaluation", "final", "upload"}
    assert len(scraped(text)) < 300


def test_all_of_the_table_and_nothing_else_is_exported(long: History):
    history = History(seed=2)
    for _ in range(30):
        history.turn()
    history.begin()
    declared = families(text_of(long.metrics()) + "") | families(text_of(history.metrics()))
    assert declared == {metric.name: str(metric.kind) for metric in TABLE if metric.where is Where.STATE}


def test_repairs_uploads_and_assessments_are_counted_once(long: History):
    metrics = long.metrics()
    for _ in range(2):
        text = text_of(metrics)
        assert value(text, "flywheel_damaged_objects_total") == 2
        assert value(text, "flywheel_episodes_total", task=TASKS[0], source="upload", outcome="success") == 3
        assert value(text, "flywheel_episodes_total", task=TASKS[0], source="final", outcome="failure") == 3


class Damaged(MemoryRecords):
    """A record cannot be read."""

    damaged = ""

    def read(self, key: str):
        if key == self.damaged:
            raise StoreError(f"{key}: damaged")
        return super().read(key)


def test_a_damaged_record_takes_only_its_own_numbers_away():
    history = History(records=Damaged())
    history.turn()
    history.records.damaged = record_key(0, "evaluate")
    text = text_of(history.metrics())
    assert value(text, "flywheel_store_up") == 1
    assert value(text, "flywheel_success_ratio", task=TASKS[0], status="live") is None
    assert value(text, "flywheel_iterations_total", outcome="succeeded") == 1


class Away(MemoryRecords):
    """As a store that is there, fails, or neither answers nor fails."""

    fails = False

    def __init__(self) -> None:
        super().__init__()
        self.answers = Event()
        self.answers.set()

    def read(self, key: str):
        if self.fails:
            raise StoreUnavailableError("no connection")
        assert self.answers.wait(60.0)
        return super().read(key)


def test_while_the_store_fails_it_says_what_it_knew_and_that_the_store_is_away():
    history = History(records=Away())
    history.turn()
    metrics = history.metrics()
    before = text_of(metrics)
    history.records.fails = True
    away = text_of(metrics)
    assert value(away, "flywheel_store_up") == 0
    assert away.replace("flywheel_store_up 0.0", "flywheel_store_up 1.0") == before
    history.records.fails = False
    assert text_of(metrics) == before


def test_a_store_that_hangs_holds_up_nobody_and_is_asked_once():
    history = History(records=Away())
    history.turn()
    metrics = history.metrics(patience_s=0.05)
    history.records.answers.clear()
    for _ in range(3):
        hung = text_of(metrics)
        assert value(hung, "flywheel_store_up") == 0
        assert value(hung, "flywheel_iteration") is None
    history.records.answers.set()
    while value(text_of(metrics), "flywheel_store_up") == 0:
        pass
    assert value(text_of(metrics), "flywheel_iteration") == 0


def test_a_mistake_of_ours_is_no_store_that_is_away():
    class Wrong(MemoryRecords):
        def keys(self, prefix: str):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        text_of(History(records=Wrong()).metrics())
