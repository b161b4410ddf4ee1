from chronicles import control_after, doing

from flywheel.core.commands import iterations
from flywheel.core.control import Control
from flywheel.core.errors import CancelledError, StageTimeoutError, TakenOverError
from flywheel.service.pedal import Pedal

RUNNING = (
    doing(iterations.request, by="token:a", overrides={}, max_queued=9),
    doing(iterations.start, 0, by="supervisor", owner="p"),
)


class Rig:
    def __init__(self):
        self.control, self.now = control_after(*RUNNING), 100.0
        self.pedal = Pedal(control=lambda: self.control, stage_timeout_s=7200.0, owner="p", clock=lambda: self.now)


def test_who_runs_stops_when_somebody_asks():
    rig = Rig()
    rig.pedal.release(0, since=2)
    assert rig.pedal() is None
    assert rig.pedal.pulled_for_s == 0.0
    rig.control = control_after(*RUNNING, doing(iterations.cancel, 0, by="token:b"))
    stopped = rig.pedal()
    assert isinstance(stopped, CancelledError)
    assert "cancelled by token:b" in str(stopped)
    assert rig.pedal.pulled_for_s == 0.0
    rig.now += 5.0
    assert rig.pedal.pulled_for_s == 5.0


def test_a_stage_that_takes_too_long_is_stopped_and_the_next_begins_anew():
    rig = Rig()
    rig.pedal.release(0, since=2)
    rig.pedal.stage_started("collect")
    rig.now += 7200.0
    assert rig.pedal() is None
    rig.pedal.stage_started("train")
    rig.now += 7201.0
    stopped = rig.pedal()
    assert isinstance(stopped, StageTimeoutError)
    assert str(stopped) == "train took longer than 2 hours (control.stage_timeout_hours)"


def test_between_iterations_nothing_is_to_stop():
    rig = Rig()
    rig.control = control_after(*RUNNING, doing(iterations.cancel, 0, by="token:b"))
    assert rig.pedal() is None
    rig.pedal.release(0, since=2)
    assert rig.pedal() is not None
    rig.pedal.lift()
    assert rig.pedal() is None
    assert rig.pedal.pulled_for_s == 0.0
    rig.control = Control()
    rig.pedal.release(0, since=2)
    assert rig.pedal() is None


def test_who_was_taken_over_stops():
    rig = Rig()
    rig.pedal.release(0, since=2)
    rig.control = control_after(*RUNNING, doing(iterations.start, 0, by="supervisor", owner="q"))
    stopped = rig.pedal()
    assert isinstance(stopped, TakenOverError)
    assert str(stopped) == "iteration 0 was taken over by q"


def test_what_is_not_known_yet_takes_nothing_over():
    """Whoever reads the chronicle for it may be behind who appends to it."""
    rig = Rig()
    rig.control = control_after(*RUNNING[:1], doing(iterations.start, 0, by="supervisor", owner="q"))
    rig.pedal.release(0, since=3)
    assert rig.pedal() is None


def test_who_leaves_stops_and_is_not_ended_for_it():
    rig = Rig()
    rig.pedal.leave()
    assert rig.pedal() is None
    rig.pedal.release(0, since=2)
    assert isinstance(rig.pedal(), TakenOverError)
    rig.now += 100.0
    assert rig.pedal.pulled_for_s == 0.0
