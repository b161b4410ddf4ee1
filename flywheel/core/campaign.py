"""Campaign: iterations until a goal is reached, and when that is."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self


class CampaignState(StrEnum):
    """Where a campaign stands."""

    ACTIVE = "active"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    """The success rate that it was for was reached."""
    ENDED = "ended"
    """A plateau or a budget ended it."""
    FAILED = "failed"
    """An iteration of it failed."""
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        """Whether it is left never again."""
        return self not in (CampaignState.ACTIVE, CampaignState.PAUSED)


@dataclass(frozen=True, kw_only=True)
class Goal:
    """When a campaign is over; the first that holds decides. At least one budget or target is set."""

    until: float | None = None
    """Mean success rate of the live version."""
    plateau: int | None = None
    """Iterations in a row without a promotion."""
    max_iterations: int | None = None
    max_episodes: int | None = None
    """Collected and evaluated."""
    max_hours: float | None = None
    """Since it was asked for."""

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        """From an entry's details."""
        return cls(**plain)

    @property
    def plain(self) -> dict[str, Any]:
        """As an entry's details hold it."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class CampaignStep:
    """What a campaign knows of one of its iterations."""

    number: int
    promoted: bool
    live_success: float | None
    """Mean success rate over tasks of the version that is live after it; None where nothing was scored."""
    episodes: int
    """Made in it."""


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """What was asked for and where it stands."""

    number: int
    state: CampaignState
    goal: Goal
    requested_by: str
    requested_at: str
    overrides: Mapping[str, Any] = field(default_factory=dict)
    """For each of its iterations."""
    finished_at: str | None = None
    reason: str = ""


def ending(goal: Goal, steps: Sequence[CampaignStep], *, hours: float) -> tuple[CampaignState, str] | None:
    """How and why the campaign is over after its finished iterations; None: it goes on. `hours` since it was asked."""
    if goal.until is not None and steps:
        reached = steps[-1].live_success
        if reached is not None and reached >= goal.until:
            return CampaignState.SUCCEEDED, f"the live version reached {reached:.3f}, {goal.until:g} was the target"
    if (
        goal.plateau is not None
        and len(steps) >= goal.plateau
        and not any(step.promoted for step in steps[-goal.plateau :])
    ):
        return CampaignState.ENDED, f"no promotion in {goal.plateau} iterations"
    if goal.max_iterations is not None and len(steps) >= goal.max_iterations:
        return CampaignState.ENDED, f"{len(steps)} iterations, as many as it may take"
    episodes = sum(step.episodes for step in steps)
    if goal.max_episodes is not None and episodes >= goal.max_episodes:
        return CampaignState.ENDED, f"{episodes} episodes, {goal.max_episodes} is its budget"
    if goal.max_hours is not None and hours >= goal.max_hours:
        return CampaignState.ENDED, f"{hours:.1f} hours, {goal.max_hours:g} is its budget"
    return None


def hours_between(earlier: str, later: str) -> float:
    """Of two RFC 3339 times."""
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds() / 3600
