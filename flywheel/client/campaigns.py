"""Campaigns: iterations until a goal is reached."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from time import sleep
from typing import Any

from flywheel.client.entries import Entry
from flywheel.client.iterations import PATIENCE_S, POLL_S, Iterations, Progress
from flywheel.client.wire import Wire
from flywheel.core.campaign import CampaignState, Goal
from flywheel.core.control import IterationState


@dataclass(frozen=True, kw_only=True)
class CampaignIteration:
    """One of a campaign's iterations."""

    number: int
    state: IterationState
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """What was asked for and where it stands."""

    number: int
    state: CampaignState
    goal: Goal
    overrides: Mapping[str, Any] = field(default_factory=dict)
    """Settings of each of its iterations."""
    num_iterations: int = 0
    """Asked for so far, whatever became of them."""
    iterations: tuple[CampaignIteration, ...] = ()
    """In their order. Empty where campaigns are listed, and in the answer to `create`."""
    requested_by: str
    requested_at: str
    finished_at: str | None = None
    reason: str = ""
    """Why it ended."""


@dataclass(frozen=True, kw_only=True)
class PlannedCampaign:
    """What would be done. Nothing was started."""

    number: int
    settings: Mapping[str, Any]
    """The whole configuration of its iterations."""


class Campaigns:
    """`/v1/campaigns`."""

    def __init__(self, wire: Wire, iterations: Iterations) -> None:
        self._wire, self._iterations = wire, iterations

    def create(self, goal: Goal, *, overrides: Mapping[str, Any] | None = None, key: str | None = None) -> Campaign:
        """Asks for iterations until the goal is reached. `overrides`, `key`: as of an iteration."""
        return self._wire.post(Campaign, "campaigns", body=_body(goal, overrides), key=key)

    def plan(self, goal: Goal, *, overrides: Mapping[str, Any] | None = None) -> PlannedCampaign:
        """What `create` would do, checked; nothing is started."""
        return self._wire.post(PlannedCampaign, "campaigns", body=_body(goal, overrides), params={"dry_run": "true"})

    def get(self, number: int) -> Campaign:
        """With its iterations."""
        return self._wire.get(Campaign, "campaigns", number)

    def all(self, *, state: CampaignState | str | None = None) -> Iterator[Campaign]:
        """The newest first."""
        return self._wire.pages(Campaign, "campaigns", params={"state": state})

    def follow(self, number: int, *, patience_s: float = PATIENCE_S) -> Iterator[Campaign | Entry | Progress]:
        """What happens to it, from its beginning to its end: what happens to its iterations, one after the other, and
        between them the campaign itself whenever its state has changed; at the end as it ended.

        `patience_s`: how long the service may be away meanwhile.
        """
        followed: set[int] = set()
        state: CampaignState | None = None
        while True:
            found = self._wire.get(Campaign, "campaigns", number, patience_s=patience_s)
            begun = [one.number for one in found.iterations if one.number not in followed]
            for iteration in begun:
                followed.add(iteration)
                yield from self._iterations.follow(iteration, patience_s=patience_s)
            if begun:
                continue
            if found.state is not state:
                state = found.state
                yield found
            if found.state.is_terminal:
                return
            sleep(POLL_S)

    def pause(self, number: int, *, reason: str = "") -> Campaign:
        """The iteration that runs ends as it would; no other begins."""
        return self._wire.post(Campaign, "campaigns", number, ":pause", body={"reason": reason})

    def resume(self, number: int, *, reason: str = "") -> Campaign:
        """Goes on with one that was paused."""
        return self._wire.post(Campaign, "campaigns", number, ":resume", body={"reason": reason})

    def cancel(self, number: int, *, reason: str = "") -> Campaign:
        """Ends it, and its iteration that is queued or runs."""
        return self._wire.post(Campaign, "campaigns", number, ":cancel", body={"reason": reason})


def _body(goal: Goal, overrides: Mapping[str, Any] | None) -> dict[str, Any]:
    wanted = {name: value for name, value in goal.plain.items() if value is not None}
    return {"goal": wanted, "overrides": dict(overrides or {})}
