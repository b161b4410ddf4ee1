"""Allocation: which task the next episodes are of, and which initial states are tried again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from flywheel.core.policy import SuccessRate


class Allocation(StrEnum):
    """How the budget of collected episodes is shared by the tasks."""

    UNIFORM = "uniform"
    """Every task gets the same."""
    WEAKEST = "weakest"
    """Beyond a floor, a task gets more the lower its success may be: little success, or little known of it."""


@dataclass(frozen=True, kw_only=True)
class AllocationRules:
    """What does not change from iteration to iteration."""

    allocation: Allocation = Allocation.WEAKEST
    floor: float = 0.5
    """Share of a uniform allocation that every task gets at least."""
    revisit: float = 0.2
    """Share of a task's episodes, at most, that begin where the live version's last episode failed."""


@dataclass(frozen=True, kw_only=True)
class Portion:
    """What is collected of one task."""

    fresh: int
    """Episodes from initial states that nobody has met."""
    revisit: tuple[int, ...] = ()
    """Seeds of initial states that are met again."""

    @property
    def plain(self) -> dict[str, Any]:
        return {"fresh": self.fresh, "revisit": list(self.revisit)}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        return cls(fresh=plain["fresh"], revisit=tuple(plain["revisit"]))


def allocate(
    budget: int,
    earlier: Mapping[str, SuccessRate],
    failed: Mapping[str, Sequence[int]],
    rules: AllocationRules,
) -> dict[str, Portion]:
    """Task -> its portion; together exactly the budget.

    `earlier`: the acting version's record of every task. `failed`: seeds of initial states where its last episode
    failed. The weight of a task is 1 minus the lower end of its success rate's interval, so that it is high where
    success is low or little is known; where nothing is known it is 1.
    """
    weights = {task: 1.0 - rate.lower for task, rate in earlier.items()}
    if rules.allocation is Allocation.UNIFORM or not sum(weights.values()):
        weights = dict.fromkeys(weights, 1.0)
    floor = int(rules.floor * budget / len(weights))
    counts = {task: floor + more for task, more in shared(budget - floor * len(weights), weights).items()}
    portions = {}
    for task, count in counts.items():
        again = tuple(failed.get(task, ())[: int(rules.revisit * count)])
        portions[task] = Portion(fresh=count - len(again), revisit=again)
    return portions


def shared(total: int, weights: Mapping[str, float]) -> dict[str, int]:
    """Whole numbers in proportion to the weights (largest remainders first, then in order); together the total."""
    whole = sum(weights.values())
    exact = {name: total * weight / whole for name, weight in weights.items()}
    counts = {name: int(share) for name, share in exact.items()}
    by_remainder = sorted(exact, key=lambda name: counts[name] - exact[name])
    for name in by_remainder[: total - sum(counts.values())]:
        counts[name] += 1
    return counts
