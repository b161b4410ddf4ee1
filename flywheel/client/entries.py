"""Entries of the history: the audit, and what is heard of an iteration."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


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
