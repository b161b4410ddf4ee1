"""LogLine: one thing that a process said about its work."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Self


class Level(StrEnum):
    """How much it matters, the least first."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"

    def reaches(self, least: "Level") -> bool:
        """Whether it matters at least as much."""
        order = list(Level)
        return order.index(self) >= order.index(least)


@dataclass(frozen=True, kw_only=True)
class LogLine:
    """What was said, by whom, and about what, as far as that was known."""

    time: str
    """RFC 3339, UTC."""
    level: Level
    logger: str
    """The module that said it."""
    message: str
    process: str = ""
    """What the process is: supervisor, api, endpoint, collector, ..."""
    pid: int = 0
    iteration: int | None = None
    stage: str | None = None
    policy_version: str | None = None
    episode: str | None = None
    exception: str | None = None
    """The traceback."""

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        """From a line's JSON; what a newer flywheel adds is passed over. KeyError, ValueError: it is no such line."""
        known = {field.name: plain[field.name] for field in fields(cls) if field.name in plain}
        return cls(**{**known, "level": Level(plain["level"]), "time": plain["time"], "message": plain["message"]})
