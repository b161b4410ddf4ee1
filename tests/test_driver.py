"""The driver with an iteration that ends as the test says."""

from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import Any

import pytest
from chronicles import chronicle, doing

from flywheel.core.commands import iterations
from flywheel.core.control import IterationState
from flywheel.core.entry import Action
from flywheel.core.errors import (
    CancelledError,
    OtherLoopError,
    RecordExistsError,
    StageTimeoutError,
    StoreUnavailableError,
    TakenOverError,
    TrainingError,
)
from flywheel.core.iteration import Iteration, Stage
from flywheel.service import driver
from flywheel.service.driver import MAX_STARTS, REST_AFTER_S, Driver, due
from flywheel.service.pedal import Pedal
from flywheel.store.chronicle import RecordedChronicle

ASK = doing(iterations.request, by="token:a", overrides={}, max_queued=99)


def outcomes(number: int, *, deployed: bool = True, until: Stage | None = None) -> Iteration:
    """A turned iteration, or one that stopped before a stage."""
    iteration = Iteration(number=number)
    made: dict[Stage, Any] = {stage: {} for stage in iteration.stages}
    made[Stage.EVALUATE] = {"reason": "promote: it is better"}
    made[Stage.DEPLOY] = {"deployed": deployed, "reason": "so said the gate"}
    return Iteration(number=number, outcomes={stage: some for stage, some in made.items() if stage is not until})


@dataclass
class Script:
    """`Turning`: one step of the script per turn."""

    steps: list[Any]
    turned: list[int] = field(default_factory=list)
    rests: int = 0
    mended: list[int] = field(default_factory=list)
    """How many were turned by then."""

    def mend(self):
        self.mended.append(len(self.turned))

    def turn(self, status):
        self.turned.append(status.number)
        step = self.steps.pop(0)
        if isinstance(step, BaseException):
            raise step
        return step

    def rest(self):
        self.rests += 1


@dataclass
class Present:
    """`Presence`: others live if the test says so."""

    living: set[str] = field(default_factory=set)
    shows: bool = False
    forgotten: list[str] = field(default_factory=list)
    orderly: set[str] = field(default_factory=set)

    @contextmanager
    def shown(self):
        self.shows = True
        yield
        self.shows = False

    def lives(self, owner):
        return owner in self.living

    def left(self, owner):
        return owner in self.orderly

    def forget(self, owner):
        self.forgotten.append(owner)


class Rig:
    def __init__(self, *steps, owner="process 1", told: RecordedChronicle | None = None, living=()):
        self.chronicle, self.script = told or chronicle(), Script(list(steps))
        self.pedal = Pedal(control=self.chronicle.control, stage_timeout_s=3600.0, owner=owner)
        self.now, self.presence = 0.0, Present(living=set(living))
        self.driver = Driver(
            chronicle=self.chronicle,
            turning=self.script,
            pedal=self.pedal,
            presence=self.presence,
            owner=owner,
            clock=lambda: self.now,
        )

    def status(self, number=0):
        return self.chronicle.control().iterations[number]


@pytest.mark.parametrize(
    ("step", "state", "reason"),
    [
        (outcomes(0), IterationState.SUCCEEDED, "so said the gate"),
        (outcomes(0, deployed=False), IterationState.REJECTED, "so said the gate"),
        (TrainingError("the loss is NaN"), IterationState.FAILED, "the loss is NaN"),
        (CancelledError("cancelled by token:b"), IterationState.CANCELLED, "cancelled by token:b"),
        (StageTimeoutError("train took longer"), IterationState.FAILED, "train took longer"),
        (ZeroDivisionError("by zero"), IterationState.FAILED, "ZeroDivisionError: by zero\n"),
    ],
)
def test_how_an_iteration_ends_is_said_once(step, state, reason):
    rig = Rig(step)
    rig.chronicle.append(ASK)
    assert rig.driver.step()
    assert rig.status().state is state
    assert rig.status().reason.endswith(reason)
    assert not rig.driver.step()
    actions = [entry.action for entry in rig.chronicle.control().entries]
    assert actions == [Action.ITERATION_REQUESTED, Action.ITERATION_STARTED, Action.ITERATION_FINISHED]


@pytest.mark.parametrize("failure", [StoreUnavailableError("away"), RecordExistsError("another was faster")])
def test_what_may_pass_leaves_the_iteration_running(failure):
    rig = Rig(failure, outcomes(0))
    rig.chronicle.append(ASK)
    with pytest.raises(type(failure)):
        rig.driver.step()
    assert rig.status().state is IterationState.RUNNING
    rig.driver.step()
    assert rig.status().state is IterationState.SUCCEEDED


def test_iterations_come_in_their_order_and_the_next_process_goes_on_with_the_one_that_was_begun():
    rig = Rig(SystemExit())
    for _ in range(3):
        rig.chronicle.append(ASK)
    with pytest.raises(SystemExit):
        rig.driver.step()
    after = Rig(outcomes(0), outcomes(1), outcomes(2), owner="process 2", told=rig.chronicle)
    while after.driver.step():
        pass
    assert after.script.turned == [0, 1, 2]
    assert rig.status(0).owner == "process 2"


def test_lost_records_are_made_again_at_the_start_and_before_every_new_iteration():
    rig = Rig(StoreUnavailableError("away"), outcomes(0), outcomes(1))
    assert not rig.driver.step()
    assert not rig.driver.step()
    assert rig.script.mended == [0]
    rig.chronicle.append(ASK)
    rig.chronicle.append(ASK)
    with pytest.raises(StoreUnavailableError):
        rig.driver.step()
    while rig.driver.step():
        pass
    assert rig.script.turned == [0, 0, 1]
    assert rig.script.mended == [0, 0, 2]


def test_what_waits_for_a_person_holds_up_those_behind_it_until_it_is_approved():
    rig = Rig(outcomes(0, until=Stage.DEPLOY), outcomes(0), outcomes(1))
    rig.chronicle.append(ASK)
    rig.chronicle.append(ASK)
    rig.driver.step()
    assert rig.status().state is IterationState.WAITING
    assert not rig.driver.step()
    rig.chronicle.append(doing(iterations.approve, 0, by="token:b", reason="fine"))
    assert rig.driver.step()
    assert rig.status().state is IterationState.SUCCEEDED
    assert rig.driver.step()
    assert rig.script.turned == [0, 0, 1]


def test_one_that_was_to_stop_while_nobody_turned_it_is_not_turned():
    rig = Rig()
    rig.chronicle.append(ASK)
    rig.chronicle.append(doing(iterations.start, 0, by="supervisor", owner="process 0"))
    rig.chronicle.append(doing(iterations.cancel, 0, by="token:b"))
    assert rig.driver.step()
    assert (rig.status().state, rig.script.turned) == (IterationState.CANCELLED, [])


def test_a_stage_that_takes_its_supervisor_with_it_again_and_again_has_failed():
    told = chronicle()
    told.append(ASK)
    told.append(doing(iterations.start, 0, by="supervisor", owner="process 0"))
    told.append(doing(iterations.complete_stage, 0, "plan", by="supervisor", summary={}))
    for life in range(MAX_STARTS):
        with pytest.raises(SystemExit):
            Rig(SystemExit(), owner=f"life {life}", told=told).driver.step()
    last = Rig(owner="the last life", told=told)
    assert last.driver.step()
    assert last.status().state is IterationState.FAILED
    assert last.status().reason == f"{MAX_STARTS} supervisors ended in the stage after plan. Was there enough memory?"


def test_one_that_is_handed_over_again_and_again_has_not_failed():
    """As by upgrades in the middle of a long training."""
    told = begun("life 0")
    for life in range(1, 2 * MAX_STARTS):
        rig = Rig(SystemExit(), owner=f"life {life}", told=told)
        rig.presence.orderly.add(f"life {life - 1}")
        with pytest.raises(SystemExit):
            rig.driver.step()
    assert told.control().iterations[0].owner == f"life {life}"


def test_nothing_that_goes_wrong_ends_the_thread(monkeypatch):
    monkeypatch.setattr(driver, "AGAIN_S", 0.0)
    rig, steps = Rig(), []

    def step() -> bool:
        steps.append(len(steps))
        if len(steps) == 1:
            raise KeyError("a mistake of ours")
        if len(steps) == 2:
            raise StoreUnavailableError("away")
        rig.driver.stop()
        return True

    monkeypatch.setattr(rig.driver, "step", step)
    rig.driver.drive()
    assert steps == [0, 1, 2]


def test_it_wakes_when_nudged_and_rests_when_there_was_nothing_to_do_for_a_while():
    rig = Rig(outcomes(0))
    thread = Thread(target=rig.driver.drive)
    thread.start()
    rig.chronicle.append(ASK)
    rig.driver.nudge()
    while rig.status().state is not IterationState.SUCCEEDED:
        thread.join(0.01)
    assert rig.script.rests == 0
    rig.now += REST_AFTER_S
    while not rig.script.rests:
        rig.driver.nudge()
        thread.join(0.01)
    rig.driver.stop()
    thread.join(10.0)
    assert not thread.is_alive()
    assert due(rig.chronicle.control()) is None


def begun(owner: str = "process 0") -> RecordedChronicle:
    """By another process."""
    told = chronicle()
    told.append(ASK)
    told.append(doing(iterations.start, 0, by="supervisor", owner=owner))
    return told


def test_what_another_turns_is_left_to_it_while_it_lives():
    rig = Rig(outcomes(0), told=begun(), living=["process 0"])
    assert not rig.driver.step()
    assert (rig.status().owner, rig.script.turned) == ("process 0", [])
    rig.presence.living.clear()
    assert rig.driver.step()
    assert (rig.status().owner, rig.status().state) == ("process 1", IterationState.SUCCEEDED)
    assert rig.presence.forgotten == ["process 0"]


def test_of_two_that_see_that_nobody_turns_it_one_does():
    told = begun()
    quick, slow = (Rig(outcomes(0), owner=owner, told=told) for owner in ("quick", "slow"))

    def lives(owner):  # The other one is faster.
        quick.driver.step()
        return False

    slow.presence.lives = lives
    assert not slow.driver.step()
    assert (quick.script.turned, slow.script.turned) == ([0], [])


def test_it_is_seen_while_it_turns():
    rig, seen = Rig(), []
    rig.chronicle.append(ASK)
    rig.script.turn = lambda status: seen.append(rig.presence.shows) or outcomes(0)
    rig.driver.step()
    assert (seen, rig.presence.shows) == ([True], False)


@pytest.mark.parametrize(
    "end", [TakenOverError("gone"), TrainingError("a worker died"), KeyError("a node"), outcomes(0)]
)
def test_what_was_taken_over_is_neither_judged_nor_ended_by_who_had_it(end):
    rig = Rig()
    rig.chronicle.append(ASK)

    def turn(status):
        rig.chronicle.append(doing(iterations.start, 0, by="supervisor", owner="process 2"))
        if isinstance(end, Exception):
            raise end
        return end

    rig.script.turn = turn
    rig.presence.living.add("process 2")
    assert rig.driver.step()
    assert (rig.status().state, rig.status().owner) == (IterationState.RUNNING, "process 2")
    assert rig.script.rests == 1
    assert not rig.driver.step()


def test_what_fails_while_the_process_ends_is_left_to_the_next():
    rig = Rig()
    rig.chronicle.append(ASK)

    def turn(status):
        rig.driver.stop()
        raise TrainingError("its workers were told to end")

    rig.script.turn = turn
    rig.driver.drive()
    assert rig.status().state is IterationState.RUNNING
    after = Rig(outcomes(0), owner="process 2", told=rig.chronicle)
    after.driver.step()
    assert rig.status().state is IterationState.SUCCEEDED


def test_what_another_loop_version_began_is_begun_anew_once_with_its_settings():
    asked = doing(iterations.request, by="token:a", overrides={"train": {"num_updates": [7]}}, max_queued=9, campaign=4)
    other = OtherLoopError("loop 1 began it; this is loop 2", remedy="finish it there")
    told = chronicle()
    told.append(asked)
    rig = Rig(other, told=told)
    rig.driver.step()
    assert rig.status().state is IterationState.CANCELLED
    assert rig.status().reason == "loop 1 began it; this is loop 2, which cannot finish it: iteration 1 begins it anew"
    anew = rig.status(1)
    assert (anew.state, anew.retry_of, anew.campaign) == (IterationState.QUEUED, 0, 4)
    assert anew.overrides == {"train": {"num_updates": [7]}}


def test_who_died_before_the_old_one_was_ended_asks_for_no_second_one():
    told = begun()
    told.append(doing(iterations.begin_anew, 0, by="supervisor", reason="loop 1"))
    Rig(OtherLoopError("loop 1", remedy=""), told=told).driver.step()
    assert sorted(told.control().iterations) == [0, 1]
    assert told.control().iterations[0].state is IterationState.CANCELLED
