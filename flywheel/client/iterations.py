"""Iterations: ask for one, look at them, wait for one, follow one, stop one, try one again."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import Any

from flywheel.client.answers import Page
from flywheel.client.entries import Entry
from flywheel.client.episodes import Episode
from flywheel.client.wire import CutOffError, Wire
from flywheel.core.control import IterationState
from flywheel.core.entry import Action
from flywheel.core.errors import WaitTimeoutError
from flywheel.core.log_line import Level, LogLine


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far the running stage is."""

    stage: str
    done: int
    total: int
    """0: not known yet."""
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Iteration:
    """One turn of the wheel."""

    number: int
    state: IterationState
    stages: tuple[str, ...] = ()
    """Finished ones, in order."""
    progress: Progress | None = None
    """Of the running stage."""
    reason: str = ""
    """Why it ended as it did; of a failure, its root cause."""
    overrides: Mapping[str, Any] = field(default_factory=dict)
    campaign: int | None = None
    retry_of: int | None = None
    requested_by: str
    requested_at: str
    started_at: str | None = None
    finished_at: str | None = None
    owner: str | None = None
    cancel_requested_by: str | None = None
    approved_by: str | None = None


@dataclass(frozen=True, kw_only=True)
class PlannedIteration:
    """What would be done. Nothing was started."""

    number: int
    settings: Mapping[str, Any]
    """The whole configuration that it would run with."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """What the candidate and the live version did from one initial state."""

    task: str
    seed: int
    result: str
    """Of the candidate: win, loss, faster, slower, both, neither or unknown."""
    candidate: Episode
    live: Episode


PATIENCE_S = 300.0
POLL_S = 1.0
LINES_PER_PAGE = 100
RECONNECT_S = 0.2
EVENTS: Mapping[str, type[Entry] | type[Progress]] = {"entry": Entry, "progress": Progress}
"""What the events of a stream hold."""


class Iterations:
    """`/v1/iterations`. ApiError, UnreachableError: as in `Flywheel`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def create(
        self, *, overrides: Mapping[str, Any] | None = None, reason: str = "", key: str | None = None
    ) -> Iteration:
        """Queues an iteration. `overrides`: settings of this one alone, as in a configuration.

        `key`: the request's name. Whoever asks again with the same key, even after a crash, gets the same iteration.
        """
        body = {"overrides": dict(overrides or {}), "reason": reason}
        return self._wire.post(Iteration, "iterations", body=body, key=key)

    def plan(self, *, overrides: Mapping[str, Any] | None = None) -> PlannedIteration:
        """What `create` would do, checked; nothing is started."""
        body = {"overrides": dict(overrides or {})}
        return self._wire.post(PlannedIteration, "iterations", body=body, params={"dry_run": "true"})

    def get(self, number: int) -> Iteration:
        return self._wire.get(Iteration, "iterations", number)

    def all(self, *, state: IterationState | str | None = None) -> Iterator[Iteration]:
        """The newest first."""
        return self._wire.pages(Iteration, "iterations", params={"state": state})

    def pairs(
        self, number: int, *, task: str | None = None, seed: int | None = None, result: str | None = None
    ) -> Iterator[Pair]:
        """What its gate compared, by task and seed."""
        wanted = {"task": task, "seed": seed, "result": result}
        return self._wire.pages(Pair, "iterations", number, "pairs", params=wanted)

    def cancel(self, number: int, *, reason: str = "") -> Iteration:
        """One that runs ends soon after; what it collected stays."""
        return self._do(number, ":cancel", {"reason": reason})

    def retry(self, number: int, *, key: str | None = None) -> Iteration:
        """A new iteration, with the settings of one that failed or was cancelled."""
        return self._wire.post(Iteration, "iterations", number, ":retry", key=key)

    def approve(self, number: int, *, reason: str = "") -> Iteration:
        """One that waits deploys its candidate."""
        return self._do(number, ":approve", {"reason": reason})

    def decline(self, number: int, *, reason: str = "") -> Iteration:
        """One that waits ends without deploying its candidate."""
        return self._do(number, ":decline", {"reason": reason})

    def wait(self, number: int, *, timeout_s: float | None = None, patience_s: float = PATIENCE_S) -> Iteration:
        """Returns when it is over, however it ended. WaitTimeoutError: it is not, after `timeout_s`.

        `patience_s`: how long the service may be away meanwhile.
        """
        deadline = None if timeout_s is None else monotonic() + timeout_s
        while True:
            found = self._wire.get(Iteration, "iterations", number, patience_s=patience_s)
            if found.state.is_terminal:
                return found
            left_s = POLL_S if deadline is None else deadline - monotonic()
            if left_s <= 0:
                raise WaitTimeoutError(f"iteration {number} is {found.state} after {timeout_s:g} s; it goes on")
            sleep(min(POLL_S, left_s))

    def follow(self, number: int, *, patience_s: float = PATIENCE_S) -> Iterator[Entry | Progress]:
        """What happens to it, from its beginning to its end: each entry once and in order, progress as it comes.

        A connection that breaks is made again, and goes on after the last entry. `patience_s`: how long the service
        may be away meanwhile.
        """
        last: str | None = None
        while True:
            try:
                path = ("iterations", number, "events")
                for event_id, found in self._wire.events(EVENTS, *path, after=last, patience_s=patience_s):
                    last = event_id or last
                    yield found
                    if isinstance(found, Entry) and found.action == Action.ITERATION_FINISHED:
                        return
            except CutOffError:
                pass
            else:
                if self._wire.get(Iteration, "iterations", number, patience_s=patience_s).state.is_terminal:
                    return
            sleep(RECONNECT_S)

    def logs(self, number: int, *, level: Level | str | None = None, stage: str | None = None) -> Iterator[LogLine]:
        """What was logged about it so far, in order. `level`: and what matters more. `stage`: of this one alone."""
        return self._wire.pages(LogLine, "iterations", number, "logs", params={"level": level, "stage": stage})

    def follow_logs(
        self,
        number: int,
        *,
        level: Level | str | None = None,
        stage: str | None = None,
        patience_s: float = PATIENCE_S,
    ) -> Iterator[LogLine]:
        """As `logs`, and what comes, until the iteration is over; a few seconds after it was logged."""
        wanted = {"level": level, "stage": stage, "page_size": LINES_PER_PAGE}
        token, seen = None, 0
        while True:
            # First: what is logged after it was asked belongs to nobody any more.
            over = self._wire.get(Iteration, "iterations", number, patience_s=patience_s).state.is_terminal
            params = {**wanted, "page_token": token}
            page = self._wire.get(Page[LogLine], "iterations", number, "logs", params=params, patience_s=patience_s)
            yield from page.items[seen:]
            if page.next_page_token is not None:
                token, seen = page.next_page_token, 0
            elif over:
                return
            else:
                seen = len(page.items)
                sleep(POLL_S)

    def _do(self, number: int, verb: str, body: Mapping[str, Any]) -> Iteration:
        return self._wire.post(Iteration, "iterations", number, verb, body=body)
