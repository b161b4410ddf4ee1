"""Views: what the API shows, as plain frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from flywheel.core.control import IterationState

Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True)
class Page(Generic[Item]):
    """A part of a list."""

    items: list[Item]
    next_page_token: str | None = None


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
class Entry:
    """Who did what, when, before and after."""

    number: int
    at: str
    by: str
    action: str
    """As `<noun>.<verb>`."""
    subject: str
    """To what; a path under /v1."""
    reason: str = ""
    before: str | None = None
    after: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
