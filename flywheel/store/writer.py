"""Who writes: every sealed object says which process made it."""

import os
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class Writer:
    """One process."""

    host: str
    pid: int
    started_at: str
    """RFC 3339, UTC."""

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        """From an object's plain values."""
        return cls(host=plain["host"], pid=plain["pid"], started_at=plain["started_at"])

    def plain(self) -> dict[str, Any]:
        """As it is written."""
        return asdict(self)

    def __str__(self) -> str:
        return f"process {self.pid} on host {self.host}, started {self.started_at}"


def this_process() -> Writer:
    """The same for as long as the process lives."""
    return _writer(os.getpid())


@cache
def _writer(pid: int) -> Writer:
    """By process id: a forked child is another process."""
    started_at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Writer(host=socket.gethostname(), pid=pid, started_at=started_at)
