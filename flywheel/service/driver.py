"""Driver: turns the iterations that were asked for, one after the other, and says how each ended."""

import logging
import traceback
from collections.abc import Callable
from functools import partial
from threading import Event
from time import monotonic
from typing import Protocol

from flywheel.core.commands import iterations
from flywheel.core.control import Control, IterationState, IterationStatus
from flywheel.core.entry import Action
from flywheel.core.errors import (
    CancelledError,
    ConflictError,
    FlywheelError,
    RecordExistsError,
    StoppedError,
    StoreUnavailableError,
)
from flywheel.core.iteration import Iteration
from flywheel.ports import Chronicle, Decide
from flywheel.service.pedal import Pedal

IDLE_S = 1.0
"""Between two looks for something to do, unless somebody nudges."""
REST_AFTER_S = 30.0
"""Without work, after which processes that wait for it end; starting them again takes as long as a short training."""
AGAIN_S = 5.0
"""Before an iteration goes on after the store was away, or another process was faster."""
MAX_STARTS = 5
"""Of one stage: one that takes its supervisor with it so often has failed."""
SUPERVISOR = "supervisor"

log = logging.getLogger(__name__)


class Turning(Protocol):
    """What turns one iteration."""

    def turn(self, status: IterationStatus) -> Iteration:
        """To its end, or to where it must wait for approval. Any error."""
        ...

    def mend(self) -> None:
        """Makes records again that finished iterations have lost. StoreUnavailableError: later it may be possible."""
        ...

    def rest(self) -> None:
        """Nothing is to be done for now: processes that only wait may end."""
        ...


class Driver:
    """Reads the chronicle, turns what is due, appends what came of it. It may die at any time."""

    def __init__(
        self,
        *,
        chronicle: Chronicle,
        turning: Turning,
        pedal: Pedal,
        owner: str,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """`owner`: this process, as others should read it."""
        self._clock = clock
        self._chronicle, self._turning, self._pedal, self._owner = chronicle, turning, pedal, owner
        self._woken, self._stopped = Event(), Event()
        self._mended = False

    def drive(self) -> None:
        """Until `stop`. Nothing that an iteration does ends this."""
        idle_since = self._clock()
        while not self._stopped.is_set():
            try:
                busy = self.step()
            except FlywheelError as failure:
                log.warning("%s; again in %g s", failure, AGAIN_S)
                self._stopped.wait(AGAIN_S)
                continue
            except Exception:
                log.exception("the driver goes on in %g s", AGAIN_S)
                self._stopped.wait(AGAIN_S)
                continue
            if busy:
                idle_since = self._clock()
                continue
            if self._clock() - idle_since >= REST_AFTER_S:
                self._turning.rest()
            self._woken.wait(IDLE_S)
            self._woken.clear()

    def nudge(self) -> None:
        """There may be something to do."""
        self._woken.set()

    def stop(self) -> None:
        """After what runs now."""
        self._stopped.set()
        self._woken.set()

    def step(self) -> bool:
        """Turns the iteration that is due. False: none is.

        StoreUnavailableError, RecordExistsError: it is due still.
        """
        status = due(self._chronicle.control())
        if not self._mended or (status is not None and status.state is IterationState.QUEUED):
            self._turning.mend()  # A new iteration is planned from the records of those before it.
            self._mended = True
        if status is None:
            return False
        self._append(partial(iterations.start, number=status.number, by=SUPERVISOR, owner=self._owner))
        self._pedal.release(status.number)
        try:
            self._carry_out(status)
        finally:
            self._pedal.lift()
        return True

    def _carry_out(self, status: IterationStatus) -> None:
        control, number = self._chronicle.control(), status.number
        if (stopped := self._pedal()) is not None:
            return self._finish(number, IterationState.CANCELLED, str(stopped))
        if (starts := starts_of_stage(control, number)) > MAX_STARTS:
            place = f"in the stage after {last_stage(control, number)}"
            return self._finish(
                number, IterationState.FAILED, f"{starts - 1} supervisors ended {place}. Was there enough memory?"
            )
        try:
            iteration = self._turning.turn(status)
        except StoppedError as stopped:
            self._turning.rest()  # What was stopped leaves nothing that computes, or holds a GPU.
            cancelled = isinstance(stopped, CancelledError)
            return self._finish(number, IterationState.CANCELLED if cancelled else IterationState.FAILED, str(stopped))
        except (StoreUnavailableError, RecordExistsError):
            raise
        except FlywheelError as failure:
            return self._finish(number, IterationState.FAILED, str(failure))
        except Exception as failure:
            log.exception("iteration %d", number)
            return self._finish(number, IterationState.FAILED, "".join(traceback.format_exception(failure)[-3:]))
        return self._append(partial(iterations.conclude, turned=iteration, by=SUPERVISOR))

    def _finish(self, number: int, state: IterationState, reason: str) -> None:
        try:
            self._append(partial(iterations.finish, number=number, state=state, by=SUPERVISOR, reason=reason))
        except ConflictError:
            log.info("iteration %d was over already", number)

    def _append(self, decide: Decide) -> None:
        self._chronicle.append(decide)


def due(control: Control) -> IterationStatus | None:
    """The iteration that is to be turned: the one that was begun, else the oldest that waits in the queue."""
    if (current := control.current) is not None:
        return None if current.state is IterationState.WAITING else current
    return next(iter(control.queued), None)


def starts_of_stage(control: Control, number: int) -> int:
    """How often the iteration was begun by another process since its last stage ended."""
    starts = 0
    for entry in control.entries:
        if entry.subject == f"iterations/{number}":
            if entry.action is Action.STAGE_COMPLETED:
                starts = 0
            starts += entry.action is Action.ITERATION_STARTED
    return starts


def last_stage(control: Control, number: int) -> str:
    """The last stage that ended."""
    return next(reversed(control.iterations[number].stages), "its beginning")
