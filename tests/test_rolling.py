"""Upgrades and downgrades in the middle of a campaign: processes of several releases on one store."""

import signal
import time
from contextlib import ExitStack
from functools import partial

import pytest
from campaign_soak import repeated
from releases import make_release, wheel
from small import small_config, small_settings

from flywheel import loop, wiring
from flywheel.core.campaign import CampaignState, Goal
from flywheel.core.code_version import LOOP_VERSION
from flywheel.core.commands import campaigns
from flywheel.core.control import IterationState
from flywheel.core.entry import Action
from flywheel.core.iteration import Stage, record_key
from flywheel.journal import Journal
from flywheel.lineage.policy import policy_lineage
from flywheel.workshop import Workshop

pytestmark = pytest.mark.timeout(240)

OLD, NEW, OTHER = "1.0.7", "1.1.0", "2.0.0"
ITERATIONS = 3
CONFIG, SETTINGS = small_config(), small_settings()


@pytest.fixture(scope="module")
def releases(tmp_path_factory):
    folder = tmp_path_factory.mktemp("releases")
    loops = {OLD: None, NEW: None, OTHER: LOOP_VERSION + 1}
    return {version: make_release(folder, version, loop=number) for version, number in loops.items()}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The policies' digests of a run that nobody disturbed."""
    store = str(tmp_path_factory.mktemp("undisturbed") / "store")
    loop.run(wiring.local(CONFIG, store, Journal()), iterations=ITERATIONS - 1)
    return digests(Workshop(config=CONFIG, store=store))


@pytest.fixture
def workshop(tmp_path):
    store = str(tmp_path / "store")
    wiring.take(CONFIG, store)
    return Workshop(config=CONFIG, store=store)


def start_campaign(workshop, iterations):
    goal = Goal(max_iterations=iterations)
    workshop.chronicle().append(partial(campaigns.request, by="token:ann", goal=goal, overrides={}))


def until_its_end(workshop, one):
    """While the process looks after it."""
    chronicle = workshop.chronicle()
    while chronicle.control().campaigns[1].state is CampaignState.ACTIVE:
        assert one.process.poll() is None
        time.sleep(0.02)


def digests(workshop):
    numbers = range(ITERATIONS)
    trained = [workshop.records.read(record_key(number, Stage.TRAIN)) for number in numbers]
    return {record["policy_id"]: record["digest"] for record in trained if record is not None}


def starts(control):
    """Iteration and version of each process that turned it, in order."""
    entries = [entry for entry in control.entries if entry.action is Action.ITERATION_STARTED]
    return [(entry.subject_number, entry.details["flywheel"]) for entry in entries]


def versions(workshop, number):
    """Stage -> the version that recorded it."""
    records = {stage: workshop.records.read(record_key(number, stage)) for stage in Stage}
    return {str(stage): record["flywheel"] for stage, record in records.items() if record is not None}


def test_a_campaign_goes_on_through_upgrades_and_a_downgrade_as_if_nothing_had_happened(
    releases, undisturbed, workshop
):
    start_campaign(workshop, ITERATIONS)
    with ExitStack() as stack:

        def begin(version, hold=""):
            return stack.enter_context(wheel(releases[version], SETTINGS, workshop.store, hold=hold))

        first = begin(OLD, "0/train/20")
        first.hear(holds="0/train/20")
        # An upgrade: the new one leaves the iteration to the old one while that lives, and goes on where it is killed.
        second = begin(NEW, "1/collect/2")
        assert second.hear(lives=True)["sees"] == first.said[0]["owner"]
        first.process.kill()
        second.hear(begins="0/train")
        second.hear(holds="1/collect/2")
        # A downgrade: the one before ends in order, and leaves its iteration at once.
        third = begin(OLD, "2/evaluate/1")
        third.hear(lives=True)
        second.leave()
        third.hear(holds="2/evaluate/1")
        # An upgrade again, while the old one hangs; when it goes on, it finds that its iteration is another's.
        fourth = begin(NEW)
        fourth.hear(lives=True)
        third.process.send_signal(signal.SIGSTOP)
        fourth.hear(completed="2/deploy")
        third.process.send_signal(signal.SIGCONT)
        third.go_on()
        third.hear(rests=True)
        third.leave()
        until_its_end(workshop, fourth)
        fourth.leave()
    control = workshop.chronicle().control()
    assert control.campaigns[1].reason == f"{ITERATIONS} iterations, as many as it may take"
    assert starts(control) == [(0, OLD), (0, NEW), (1, NEW), (1, OLD), (2, OLD), (2, NEW)]
    assert not repeated(control)
    assert digests(workshop) == undisturbed
    made = dict.fromkeys(["plan", "ingest", "relabel"], OLD) | dict.fromkeys(["train", "evaluate", "deploy"], NEW)
    assert versions(workshop, 0) == made
    assert policy_lineage(workshop.whole, "0").made_by == (OLD, NEW)
    assert [line["serves"] for line in fourth.said if "serves" in line][-1] == control.live
    assert not list(workshop.objects.keys("presence/"))


def test_what_another_loop_version_began_is_begun_anew_and_the_campaign_goes_on(releases, workshop):
    start_campaign(workshop, 1)
    with wheel(releases[OLD], SETTINGS, workshop.store, hold="0/train/20") as old:
        old.hear(holds="0/train/20")
        old.process.kill()
    with wheel(releases[OTHER], SETTINGS, workshop.store) as new:
        until_its_end(workshop, new)
        new.leave()
    control = workshop.chronicle().control()
    assert control.campaigns[1].reason == "1 iterations, as many as it may take"
    left, anew = control.iterations[0], control.iterations[1]
    assert left.state is IterationState.CANCELLED
    assert left.reason == (
        f"iteration 0, plan: was recorded by flywheel {OLD}, loop version {LOOP_VERSION}; this is {OTHER}, "
        f"loop version {LOOP_VERSION + 1}, which cannot finish it: iteration 1 begins it anew"
    )
    assert (anew.retry_of, anew.campaign) == (0, 1)
    assert set(versions(workshop, 1).values()) == {OTHER}
    assert starts(control) == [(0, OLD), (0, OTHER), (1, OTHER)]
