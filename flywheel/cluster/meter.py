"""What is counted of requests to act. Another package counts: this one only tells."""

from enum import StrEnum
from typing import Protocol


class Ending(StrEnum):
    """How a request to act ended."""

    OK = "ok"
    UNFIT = "unfit"
    """It does not fit the contract."""
    UNREADY = "unready"
    """There is no version yet."""
    LATE = "late"
    REFUSED = "refused"
    """Who asked may not."""
    FAILED = "failed"


class Meter(Protocol):
    """Called from any thread, in the path of every request: it takes microseconds and never waits."""

    def acted(self, *, duration_s: float, batch_size: int, age_s: float | None) -> None:
        """A request got its actions after so long; `age_s`: of its observations by then, if it said."""

    def missed(self, *, duration_s: float) -> None:
        """A request got none, because they would have come after its deadline."""

    def turned_away(self, ending: Ending) -> None:
        """A request ended otherwise."""

    def serves(self, policy_version: str) -> None:
        """This process answers with another version than before."""

    def refused(self) -> None:
        """This process was given a version that does not load."""

    def sessions(self, *, live: int, earlier: int) -> None:
        """So many are active, by the version that answers them."""

    def exposition(self) -> bytes:
        """All that was counted on this machine, in Prometheus' text format 0.0.4."""


class Uncounted:
    """Where nobody counts."""

    def acted(self, *, duration_s: float, batch_size: int, age_s: float | None) -> None:
        pass

    def missed(self, *, duration_s: float) -> None:
        pass

    def turned_away(self, ending: Ending) -> None:
        pass

    def serves(self, policy_version: str) -> None:
        pass

    def refused(self) -> None:
        pass

    def sessions(self, *, live: int, earlier: int) -> None:
        pass

    def exposition(self) -> bytes:
        return b""
