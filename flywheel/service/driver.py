"""Driver: turns the iterations that were asked for, one after the other, and says how each ended."""

import logging
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager
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
    OtherLoopError,
    RecordExistsError,
    StoppedError,
    StoreUnavailableError,
    TakenOverError,
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


class Presence(Protocol):
    """How processes that could turn one iteration know of one another."""

    def shown(self) -> AbstractContextManager[None]:
        """Within the block, others see that this process lives. StoreError."""
        ...

    def lives(self, owner: str) -> bool:
        """Whether the process, as the chronicle names it, is to be left to what it turns. StoreError."""
        ...

    def left(self, owner: str) -> bool:
        """Of one that does not live: whether it ended in order. StoreError."""
        ...

    def forget(self, owner: str) -> None:
        """It turns nothing any more."""
        ...


class Driver:
    """Reads the chronicle, turns what is due, appends what came of it. It may die at any time.

    Of several on one store, of other releases too, one turns. Where it ends, another goes on.
    """

    def __init__(
        self,
        *,
        chronicle: Chronicle,
        turning: Turning,
        pedal: Pedal,
        presence: Presence,
        owner: str,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """`owner`: this process, as others should read it."""
        self._clock, self._presence = clock, presence
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
        """Begins nothing more, and leaves what runs now to others."""
        self._pedal.leave()
        self._stopped.set()
        self._woken.set()

    def step(self) -> bool:
        """Turns the iteration that is due. False: none is, or another process turns it.

        StoreUnavailableError, RecordExistsError: it is due still.
        """
        status = due(self._chronicle.control())
        if not self._mended or (status is not None and status.state is IterationState.QUEUED):
            self._turning.mend()  # A new iteration is planned from the records of those before it.
            self._mended = True
        if status is None or self._is_anothers(status):
            return False
        with self._presence.shown():
            if not self._take(status):
                return False
            self._pedal.release(status.number, since=len(self._chronicle.control().entries))
            try:
                self._carry_out(status)
            except TakenOverError as gone:
                log.info("%s", gone)
                self._turning.rest()
            finally:
                self._pedal.lift()
        return True

    def _is_anothers(self, status: IterationStatus) -> bool:
        """Whether somebody else turns it, and lives."""
        known = status.state is IterationState.RUNNING and status.owner is not None and status.owner != self._owner
        return known and self._presence.lives(str(status.owner))

    def _take(self, status: IterationStatus) -> bool:
        """Whether it is ours now; of several who see that nobody turns it, one has it."""
        number = status.number
        handed_over = status.owner is not None and self._presence.left(status.owner)
        start = partial(iterations.start, number=number, by=SUPERVISOR, owner=self._owner, seen=status)
        self._append(partial(start, handed_over=handed_over))
        if self._chronicle.control().iterations[number].owner != self._owner:
            return False
        if status.owner not in (None, self._owner):
            log.info("iteration %d goes on here; it was turned by %s", number, status.owner)
            self._presence.forget(str(status.owner))
        return True

    def _carry_out(self, status: IterationStatus) -> None:
        control, number = self._chronicle.control(), status.number
        if (told := self._pedal()) is not None:
            return self._end(number, told)
        if (starts := starts_of_stage(control, number)) > MAX_STARTS:
            place = f"in the stage after {last_stage(control, number)}"
            return self._finish(
                number, IterationState.FAILED, f"{starts - 1} supervisors ended {place}. Was there enough memory?"
            )
        try:
            iteration = self._turning.turn(status)
        except OtherLoopError as other:
            return self._begin_anew(number, other)
        except StoppedError as stopped:
            return self._end(number, stopped)
        except (StoreUnavailableError, RecordExistsError):
            raise
        except FlywheelError as failure:
            return self._fail(number, str(failure))
        except Exception as failure:
            log.exception("iteration %d", number)
            return self._fail(number, "".join(traceback.format_exception(failure)[-3:]))
        self._append(partial(iterations.conclude, turned=iteration, by=SUPERVISOR, owner=self._owner))

    def _end(self, number: int, stopped: StoppedError) -> None:
        if isinstance(stopped, TakenOverError):
            raise stopped
        self._turning.rest()  # What was stopped leaves nothing that computes, or holds a GPU.
        cancelled = isinstance(stopped, CancelledError)
        self._finish(number, IterationState.CANCELLED if cancelled else IterationState.FAILED, str(stopped))

    def _fail(self, number: int, reason: str) -> None:
        """TakenOverError: it failed because what it needs ends together with this process, or is another's by now."""
        if isinstance(gone := self._pedal(), TakenOverError):
            raise gone
        self._finish(number, IterationState.FAILED, reason)

    def _begin_anew(self, number: int, other: OtherLoopError) -> None:
        """The new one is asked for first: a campaign whose last iteration is cancelled would pause."""
        self._append(partial(iterations.begin_anew, number=number, by=SUPERVISOR, reason=other.differs))
        status = next(some for some in self._chronicle.control().iterations.values() if some.retry_of == number)
        reason = f"{other.differs}, which cannot finish it: iteration {status.number} begins it anew"
        self._finish(number, IterationState.CANCELLED, reason)

    def _finish(self, number: int, state: IterationState, reason: str) -> None:
        finish = partial(iterations.finish, number=number, state=state, by=SUPERVISOR, reason=reason)
        try:
            self._append(partial(finish, owner=self._owner))
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
    """How often the iteration was begun since its last stage ended, but by those to whom it was handed over."""
    starts = 0
    for entry in control.entries:
        if entry.subject == f"iterations/{number}":
            if entry.action is Action.STAGE_COMPLETED:
                starts = 0
            starts += entry.action is Action.ITERATION_STARTED and not entry.details.get("handed_over", False)
    return starts


def last_stage(control: Control, number: int) -> str:
    """The last stage that ended."""
    return next(reversed(control.iterations[number].stages), "its beginning")
