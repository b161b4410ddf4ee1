"""Spending: how much of an error budget the gates that share it have used. A person opens a new one, or a campaign."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
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
    campaign: int | None = None
    """The last one that opened a budget of its own; iterations that belong to none go on with it."""
    attempts: int = 0
    """Gates that were started."""
    promotions: int = 0
    """Of those."""

    def following(self, *, newest: int, campaign: int | None, started: bool, promoted: bool) -> "Spending":
        """After a turn, which may have had a gate.

        `newest`: the number of the budget that was opened last; `campaign`: that of the iteration to come.
        """
        is_new = campaign not in (None, self.campaign)
        if newest != self.number or is_new:
            return Spending(number=newest, campaign=campaign if is_new else self.campaign)
        return replace(self, attempts=self.attempts + started, promotions=self.promotions + (started and promoted))

    @property
    def plain(self) -> dict[str, int | None]:
        return asdict(self)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        return cls(**plain)
