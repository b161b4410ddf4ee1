"""Pedal: decides whether what runs should stop: somebody asked for it, another process has it, or it takes too long."""

from collections.abc import Callable
from time import monotonic

from flywheel.core.control import Control
from flywheel.core.errors import CancelledError, StageTimeoutError, StoppedError, TakenOverError


class Pedal:
    """`ports.Brake` for one iteration after the other. Set by one thread, asked by others; never asks the store."""

    def __init__(
        self,
        *,
        control: Callable[[], Control],
        stage_timeout_s: float,
        owner: str,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """`control`: the newest state that is known. `owner`: this process, as the chronicle names it."""
        self._control, self._stage_timeout_s, self._clock = control, stage_timeout_s, clock
        self._owner, self._leaving = owner, False
        self._number: int | None = None
        self._since = 0
        self._stage, self._deadline = "", float("inf")
        self._pulled_at: float | None = None

    def release(self, number: int, *, since: int) -> None:
        """Before the iteration is turned. `since`: how many entries say that it is ours; fewer know nothing of it."""
        self._number, self._since, self._deadline, self._pulled_at = number, since, float("inf"), None

    def stage_started(self, stage: str) -> None:
        self._stage, self._deadline = stage, self._clock() + self._stage_timeout_s

    def lift(self) -> None:
        """After the iteration."""
        self._number, self._pulled_at = None, None

    def leave(self) -> None:
        """This process ends: whatever runs is another's to go on with."""
        self._leaving = True

    @property
    def pulled_for_s(self) -> float:
        """How long what runs has not stopped; 0: it need not, or ends anyway."""
        if self._leaving or self() is None:
            return 0.0
        if self._pulled_at is None:
            self._pulled_at = self._clock()
        return self._clock() - self._pulled_at

    def __call__(self) -> StoppedError | None:
        if self._number is None:
            return None
        if self._leaving:
            return TakenOverError(f"this process ends, and another goes on with iteration {self._number}")
        control = self._control()
        status = control.iterations.get(self._number)
        if status is not None and len(control.entries) >= self._since and status.owner != self._owner:
            return TakenOverError(f"iteration {self._number} was taken over by {status.owner}")
        if status is not None and status.cancel_requested_by is not None:
            return CancelledError(f"cancelled by {status.cancel_requested_by}")
        if self._clock() > self._deadline:
            hours = self._stage_timeout_s / 3600
            return StageTimeoutError(f"{self._stage} took longer than {hours:g} hours (control.stage_timeout_hours)")
        return None
