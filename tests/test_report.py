import json
import platform
from importlib.metadata import version
from pathlib import Path

import pytest
from fakes import MemoryEpisodes, MemoryRecords
from pydantic import ValidationError
from runs import CONFIG, TASKS, finished_run, result, results, write_final, write_iteration
from stored import cut_short, interrupted

from flywheel.core.control import IterationState
from flywheel.core.errors import StoreError
from flywheel.report.mean import mean_success
from flywheel.report.reference import reference
from flywheel.report.results import build_report, installed_versions
from flywheel.report.schema import Report, Result
from flywheel.report.write import write_report

REACH, PUSH = TASKS


def results_of(*counts: tuple[int, int]) -> dict[str, Result]:
    return {
        f"suite/task-{index}": Result.model_validate(result(successes, episodes))
        for index, (successes, episodes) in enumerate(counts)
    }


@pytest.fixture
def report() -> Report:
    return build_report(finished_run(), CONFIG)


def test_a_finished_run_misses_nothing(report):
    assert report.finished
    assert report.missing == []
    assert (report.name, report.seed, report.config) == ("tabletop", 7, CONFIG)


def test_the_data_are_the_demonstrations(report):
    assert (report.data.tasks[REACH].successes, report.data.tasks[REACH].episodes) == (30, 100)
    assert report.data.episodes_version == 1


def test_iterations_say_what_was_decided_and_who_is_live_after(report):
    assert [turn.number for turn in report.iterations] == [0, 1, 2]
    assert [turn.policy_version for turn in report.iterations] == ["policy-0000", "policy-0001", "policy-0002"]
    assert [turn.parent for turn in report.iterations] == [None, "policy-0000", "policy-0001"]
    assert [turn.decision for turn in report.iterations] == ["promote", "reject", "promote"]
    assert [turn.live for turn in report.iterations] == ["policy-0000", "policy-0000", "policy-0002"]
    assert report.iterations[1].reason == "budget:improvement not shown"


def test_an_iteration_holds_the_candidates_and_the_live_versions_results(report):
    turn = report.iterations[1]
    assert {task: some.successes for task, some in turn.tasks.items()} == {REACH: 35, PUSH: 30}
    assert {task: some.successes for task, some in turn.live_tasks.items()} == {REACH: 40, PUSH: 30}
    assert turn.collected.behaviour_policy == "policy-0000"
    assert turn.metrics["entropy"] == pytest.approx(1.3)
    assert turn.trained_on == {"episodes": 3, "labels": 2}


def test_iteration_0_collected_nothing_and_had_nobody_to_compare_with(report):
    assert report.iterations[0].collected is None
    assert report.iterations[0].live_tasks is None


def test_wall_time_is_that_of_all_stages_and_the_final_assessment(report):
    # 3 iterations x 5 stages x 10 s + 20 s; the plans took no time.
    assert report.wall_s == 170.0
    assert report.iterations[0].stages["ingest"].wall_s == 10.0
    assert list(report.iterations[1].stages) == ["plan", "collect", "relabel", "train", "evaluate", "deploy"]


def test_the_final_assessment_is_that_of_the_last_live_version(report):
    assert report.final.policy_version == "policy-0002"
    assert report.final.tasks[PUSH].rate == 0.9


@pytest.mark.parametrize("last", ["ingest", "relabel", "train", "evaluate"])
def test_an_interrupted_first_iteration_says_what_is_missing(last):
    records = MemoryRecords()
    write_iteration(records, 0, [40, 30], until=last)
    report = build_report(records, CONFIG)
    order = ["ingest", "relabel", "train", "evaluate", "deploy"]
    due = order[order.index(last) + 1 :]
    assert report.missing == [*(f"iteration 0: {stage}" for stage in due), "final assessment after iteration 0"]
    assert not report.finished
    assert report.final is None
    assert (report.iterations[0].policy_version is None) == (last in ("ingest", "relabel"))
    assert (report.iterations[0].tasks is None) == (last != "evaluate")


def test_a_run_that_goes_on_awaits_a_new_final_assessment():
    records = finished_run()
    write_iteration(records, 3, [50, 50], until="collect", live=[49, 45])
    report = build_report(records, CONFIG)
    assert report.final is None
    assert report.missing[-1] == "final assessment after iteration 3"
    assert report.iterations[3].live == "policy-0002"


def test_a_run_that_promoted_nothing_says_that_nobody_can_be_assessed():
    records = MemoryRecords()
    write_iteration(records, 0, [1, 1], promote=False)
    assert build_report(records, CONFIG).missing == ["final assessment: no version was promoted"]


def test_a_store_without_records_is_refused_by_name():
    with pytest.raises(StoreError, match="no record iterations/0000/ingest"):
        build_report(MemoryRecords(), CONFIG)


def test_a_record_that_lacks_what_a_report_needs_is_refused_by_name():
    records = MemoryRecords()
    write_iteration(records, 0, [40, 30], until="plan")
    records.write(
        "iterations/0000/ingest",
        {"episodes_version": 1, "data_digests": {}, "tasks": {REACH: {"successes": 1}}, "wall_s": 1.0},
    )
    with pytest.raises(StoreError, match="record iterations/0000/ingest .*\n(.*\n)*.*episodes"):
        build_report(records, CONFIG)


def test_a_figure_that_is_not_a_number_becomes_null():
    records = finished_run()
    whole = records.read("iterations/0000/train")
    whole["metrics"] = {"q": None, "entropy": 1.0}
    report = build_report(_Replaced(records, "iterations/0000/train", whole), CONFIG)
    assert report.iterations[0].metrics == {"q": None, "entropy": 1.0}


class _Replaced(MemoryRecords):
    """Records with another one in the place of one of them."""

    def __init__(self, records: MemoryRecords, key: str, record: dict) -> None:
        super().__init__()
        for name in records.keys(""):
            self.write(name, record if name == key else records.read(name))


def test_the_mean_weighs_tasks_alike_and_its_interval_comes_from_theirs():
    # Rates 0.5 and 1.0 of 4: Wilson intervals [0.150, 0.850] and [0.510, 1.0].
    # Mean 0.75; below: sqrt(0.350^2 + 0.490^2) / 2 = 0.301; above: sqrt(0.350^2 + 0^2) / 2 = 0.175.
    mean = mean_success(results_of((2, 4), (4, 4)))
    assert mean.rate == 0.75
    assert mean.lower == pytest.approx(0.75 - 0.301, abs=1e-3)
    assert mean.upper == pytest.approx(0.75 + 0.175, abs=1e-3)


def test_the_mean_of_one_task_is_that_task():
    (alone,) = results_of((7, 10)).values()
    mean = mean_success({"suite/task": alone})
    assert (mean.rate, mean.lower, mean.upper) == pytest.approx((alone.rate, alone.lower, alone.upper))


@pytest.mark.parametrize("tasks", [None, {}, results_of((1, 2), (0, 0))])
def test_there_is_no_mean_without_a_rate_of_every_task(tasks):
    assert mean_success(tasks) is None


def test_report_json_is_read_back_as_it_was_written(report):
    assert Report.model_validate_json(report.model_dump_json()) == report


def test_the_schema_refuses_unknown_keys(report):
    with pytest.raises(ValidationError, match="colour"):
        Report.model_validate({**report.model_dump(), "colour": "blue"})


def test_the_documentation_is_that_of_the_schema():
    written = Path(__file__).parent.parent / "docs" / "report.md"
    assert written.read_text(encoding="utf-8") == reference(), "python -m flywheel.report.reference > docs/report.md"


def test_every_key_is_documented():
    assert "| `mean_time_to_success_s` | number \\| null | Simulated seconds, over the successes;" in reference()
    assert "| `trained_on` | map to integer \\| null |" in reference()
    assert '| `decision` | "promote" \\| "reject" \\| null |' in reference()


def test_versions_are_those_of_python_and_of_what_is_installed():
    versions = installed_versions()
    assert versions["python"] == platform.python_version()
    assert versions["torch"] == version("torch")


def test_both_files_are_written():
    written = {}
    report = write_report(
        records=finished_run(), episodes=MemoryEpisodes(), config=CONFIG, put=written.__setitem__, film=False
    )
    assert Report.model_validate(json.loads(written["report.json"])) == report
    assert written["report.html"].startswith(b"<!doctype html>")


def test_a_task_without_scored_episodes_has_no_rate_and_no_mean():
    records = MemoryRecords()
    write_iteration(records, 0, [40, 30], tasks=TASKS)
    record = {"policy_id": "policy-0000", "wall_s": 1.0, "tasks": results([9], 10, tasks=TASKS[:1])}
    record["tasks"][PUSH] = result(0, 0, unscored=10)
    records.write("final/0000", record)
    final = build_report(records, CONFIG).final
    assert final.tasks[PUSH].rate is None
    assert final.tasks[PUSH].unscored == 10
    assert final.mean is None


def test_a_final_assessment_before_later_iterations_does_not_count():
    records = MemoryRecords()
    write_iteration(records, 0, [40, 30])
    write_final(records, 0, "policy-0000", [80, 60])
    write_iteration(records, 1, [45, 44], live=[40, 30])
    write_final(records, 1, "policy-0001", [90, 88])
    # 2 iterations x 5 stages x 10 s + 20 s
    assert build_report(records, CONFIG).wall_s == 120.0


def test_a_gate_says_what_it_was_and_what_it_saw(report):
    assert report.iterations[0].gate is None
    gate = report.iterations[1].gate
    assert (gate.alpha, gate.attempt, gate.targets, gate.margins) == (0.02, 1, [REACH], {REACH: 0.1, PUSH: 0.1})
    assert report.iterations[2].gate.attempt == 2
    assert [look.pairs for look in gate.looks] == [25, 50]
    assert [test.name for test in gate.looks[0].tests] == [REACH, PUSH, "improvement"]
    assert (gate.looks[0].tests[0].wins, gate.looks[0].tests[0].losses) == (5, 0)


def test_the_plan_says_what_was_to_be_collected(report):
    assert report.iterations[0].planned == {}
    planned = report.iterations[1].planned[REACH]
    assert (planned.fresh, planned.revisited) == (40, 1)


@pytest.fixture
def cut(tmp_path):
    """Iteration 1 was cancelled after its training, 2 was promoted."""
    world = cut_short(tmp_path / "store", after="train")
    world.run()
    return build_report(world.records, CONFIG)


def test_an_iteration_that_was_cancelled_is_in_its_place_with_its_cause(cut):
    assert [(turn.number, turn.state) for turn in cut.iterations] == [
        (0, "succeeded"),
        (1, "cancelled"),
        (2, "succeeded"),
    ]
    turn = cut.iterations[1]
    assert (turn.policy_version, turn.decision, turn.reason) == ("policy-0001", None, "cancelled by ann")
    assert (turn.live, turn.tasks) == ("policy-0000", None)
    assert list(turn.stages) == ["plan", "collect", "relabel", "train"]
    assert cut.iterations[2].parent == "policy-0001"
    assert cut.finished
    assert cut.final.policy_version == "policy-0002"


@pytest.mark.parametrize("state", [IterationState.CANCELLED, IterationState.FAILED])
def test_after_one_that_was_cut_short_nothing_of_it_is_missing(tmp_path, state):
    world = cut_short(tmp_path / "store", after="collect", state=state)
    report = build_report(world.records, CONFIG)
    assert report.finished
    assert (report.iterations[1].state, report.iterations[1].reason) == (state, "cancelled by ann")
    assert report.final.policy_version == "policy-0000"


def test_while_an_iteration_runs_it_misses_the_rest(tmp_path):
    world = interrupted(tmp_path / "store", at="iterations/0001/evaluate")
    report = build_report(world.records, CONFIG)
    assert report.iterations[1].state == "running"
    assert report.missing[:2] == ["iteration 1: evaluate", "iteration 1: deploy"]


def test_the_data_are_those_of_the_pretraining_that_came_to_its_end():
    records = MemoryRecords()
    write_iteration(records, 0, [40, 30])
    finished = MemoryRecords()
    for key in records.keys("iterations/0000/"):
        stage = key.rpartition("/")[2]
        if stage == "plan":
            finished.write(key, records.read(key))
        finished.write(f"iterations/0002/{stage}", records.read(key))
    report = build_report(finished, CONFIG)
    assert [turn.number for turn in report.iterations] == [0, 2]
    assert report.data.tasks[REACH].successes == 30


def test_a_store_with_a_plan_and_no_data_has_nothing_to_report():
    records = MemoryRecords()
    write_iteration(records, 0, [40, 30], until="plan")
    with pytest.raises(StoreError, match="no record iterations/0000/ingest"):
        build_report(records, CONFIG)
