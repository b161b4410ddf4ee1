"""History: what stages recorded, what was asked for and decided, what was logged."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from flywheel.core.control import Control
from flywheel.core.entry import Claim, Draft, Entry
from flywheel.core.log_line import Level, LogLine


class Records(Protocol):
    """Immutable JSON objects under slash-separated keys."""

    def write(self, key: str, record: Mapping[str, Any]) -> None:
        """Put-if-absent. RecordExistsError: the key is taken."""
        ...

    def read(self, key: str) -> dict[str, Any] | None:
        """None where there is no such record. StoreError: it is there but is not what was written."""
        ...

    def keys(self, prefix: str) -> list[str]:
        """Sorted."""
        ...


@dataclass(frozen=True, kw_only=True)
class LogPage:
    """Some lines, in the order in which they were logged."""

    lines: Sequence[LogLine]
    """Perhaps fewer than asked for, even none, though more follow: a page looks at a bounded number of objects."""
    after: str | None
    """The next page is asked for with it; None: nothing follows."""


class IterationLogs(Protocol):
    """What was logged about iterations. Added to, never changed."""

    def append(self, iteration: int, lines: bytes, *, at: datetime) -> None:
        """Whole lines of JSON, the first of which was logged at that time. StoreError."""
        ...

    def num_bytes(self, iteration: int) -> int:
        """How much is kept of it."""
        ...

    def page(
        self,
        iteration: int,
        *,
        size: int,
        after: str | None = None,
        level: Level | None = None,
        stage: str | None = None,
    ) -> LogPage:
        """At most `size` lines that matter at least as much as the level, of one stage or of all.

        ConfigError: `after` is none of a page. StoreError: what is kept is damaged.
        """
        ...


Decide = Callable[[Control], Draft | None]
"""What to do as things stand; None: nothing. It may be asked several times, and may refuse."""


class Chronicle(Protocol):
    """Who did what, in one order. Everything that was asked for and decided follows from it."""

    def control(self) -> Control:
        """Where everything stands now. ChronicleError, StoreError: what is recorded cannot be read."""
        ...

    def append(self, decide: Decide, *, claim: Claim | None = None) -> Entry | None:
        """Adds what `decide` makes of the newest state, and nobody gets in between.

        With a claim that an entry has already, that entry is the answer. ReplayError: it was for something else.
        RefusalError: what `decide` raises.
        """
        ...
