"""Schedules: what asks for iterations by itself."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flywheel.client.wire import Wire
from flywheel.core.errors import ApiUnknownError
from flywheel.core.schedule import Trigger


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A trigger, and the settings of the iterations that it asks for."""

    name: str
    trigger: Trigger
    overrides: Mapping[str, Any] = field(default_factory=dict)
    created_by: str
    created_at: str
    fired_at: str | None = None
    fired_for: str | None = None
    """What it fired for last: a time, a number of episodes, an iteration."""


class Schedules:
    """`/v1/schedules`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def create(
        self, name: str, trigger: Trigger, *, overrides: Mapping[str, Any] | None = None, key: str | None = None
    ) -> Schedule:
        body = {"name": name, "trigger": trigger.plain, "overrides": dict(overrides or {})}
        return self._wire.post(Schedule, "schedules", body=body, key=key)

    def get(self, name: str) -> Schedule:
        return self._wire.get(Schedule, "schedules", name)

    def all(self) -> Iterator[Schedule]:
        """By name."""
        return self._wire.pages(Schedule, "schedules")

    def delete(self, name: str) -> None:
        """The iterations that it asked for stay."""
        self._wire.end("DELETE", "schedules", name, ended=ApiUnknownError)
