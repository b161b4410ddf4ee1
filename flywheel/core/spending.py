"""Spending: how much of an error budget the gates that share it have used. A person opens a new one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

BUDGETS = "budgets/"
"""Where the records of opened budgets are; the first has none."""


def budget_key(number: int) -> str:
    """Of the budget with this number, from 1."""
    return f"{BUDGETS}{number:04d}"


@dataclass(frozen=True, kw_only=True)
class Spending:
    """Which one, and how far it is."""

    number: int = 0
    """0: the store's first one; otherwise that of its record."""
    attempts: int = 0
    """Gates that were started."""
    promotions: int = 0
    """Of those."""

    def following(self, *, newest: int, started: bool, promoted: bool) -> "Spending":
        """After a turn, which may have had a gate; `newest` is the number of the budget that was opened last."""
        if newest != self.number:
            return Spending(number=newest)
        return Spending(
            number=self.number, attempts=self.attempts + started, promotions=self.promotions + (started and promoted)
        )

    @property
    def plain(self) -> dict[str, int]:
        return {"number": self.number, "attempts": self.attempts, "promotions": self.promotions}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        return cls(**plain)
