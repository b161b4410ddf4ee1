"""Campaign: the gates that share one error budget. A person opens a new one, and may name an anchor."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

BUDGETS = "budgets/"
"""Where the records of opened budgets are; the first campaign has none."""


def budget_key(number: int) -> str:
    """Of the campaign with this number, from 1."""
    return f"{BUDGETS}{number:04d}"


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """Which one, and how far it is."""

    number: int = 0
    """0: the store's first one; otherwise that of its record."""
    attempts: int = 0
    """Gates that were started."""
    promotions: int = 0
    """Of those."""

    def following(self, *, newest: int, started: bool, promoted: bool) -> "Campaign":
        """After a turn, which may have had a gate; `newest` is the number of the campaign that was opened last."""
        if newest != self.number:
            return Campaign(number=newest)
        return Campaign(
            number=self.number, attempts=self.attempts + started, promotions=self.promotions + (started and promoted)
        )

    @property
    def plain(self) -> dict[str, int]:
        return {"number": self.number, "attempts": self.attempts, "promotions": self.promotions}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        return cls(**plain)
