"""Campaigns: iterations until a goal is reached."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

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

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

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
    return {"goal": goal.plain, "overrides": dict(overrides or {})}
