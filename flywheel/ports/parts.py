"""Parts: what collectors and relabelling wrote and no table names yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from flywheel.core.episode import Episode


@dataclass(frozen=True, kw_only=True)
class Part:
    """A written file that no table names yet: nobody reads it before it is committed."""

    path: str
    """Relative to its table."""
    num_bytes: int
    num_rows: int
    work_s: float = 0.0
    """Seconds that one process spent on making what is in it."""


@dataclass(frozen=True, kw_only=True)
class Spooled:
    """What of one collector waits for the store."""

    num_parts: int = 0
    num_bytes: int = 0
    is_full: bool = False
    """Collecting pauses until something of it is written."""


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Whoever gives it is alive, though nothing was finished."""

    message: str = ""
    """For a person; empty: only the sign of life."""
    spooled: Spooled | None = None
    """What waits now; None: as before."""


class PartWriter(Protocol):
    """Writes files of episodes as `EpisodeTable.write` does, now or when the store is back, in the order given."""

    @property
    def num_waiting(self) -> int:
        """Parts that were added and that the store does not have yet."""
        ...

    @property
    def is_full(self) -> bool:
        """Nothing may be added until something that waits is written."""
        ...

    def discard(self) -> None:
        """Forgets what waits: whoever added it makes it anew."""
        ...

    def add(self, episodes: Sequence[Episode], *, work_s: float) -> None:
        """Takes episodes for one part, on which one process spent `work_s` seconds."""
        ...

    def poll(self) -> list[Part | Notice]:
        """What happened since the last call: parts that the store has now, and what a person should know."""
        ...

    def wait(self) -> list[Part | Notice]:
        """As `poll`, but not before the next attempt to write what waits. Never empty."""
        ...
