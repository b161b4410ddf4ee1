"""Schedule: what asks for iterations by itself."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """When a schedule fires. Exactly one is set."""

    cron: str | None = None
    """Five fields, in UTC."""
    new_episodes: int | None = None
    """Uploads since the schedule fired last, or since it was created."""
    success_below: float | None = None
    """Mean success rate of the live version's newest collected episodes, or of its newest evaluation."""

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        """From an entry's details."""
        return cls(**plain)

    @property
    def plain(self) -> dict[str, Any]:
        """As an entry's details hold it."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A trigger, and the settings of the iterations that it asks for."""

    name: str
    trigger: Trigger
    created_by: str
    created_at: str
    overrides: Mapping[str, Any] = field(default_factory=dict)
    fired_at: str | None = None
    fired_for: str | None = None
    """What it fired for last: a cron time, a number of episodes, an iteration. It fires once for each."""
