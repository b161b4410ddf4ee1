"""GateRules: the settings from which each iteration's gate is made, out of earlier records only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from flywheel.core.error_budget import ErrorBudget
from flywheel.core.gate import PromotionGate
from flywheel.core.label_errors import EXACT, LabelErrors
from flywheel.core.pairs import Improvement
from flywheel.core.policy import SuccessRate

GOOD_RATE = 0.9
"""Success rate of the live version from which the narrow margin holds."""
NEAR_PERFECT_RATE = 0.97
NEAR_PERFECT_EPISODES = 50
"""Scored episodes without which no task counts as near-perfect."""


class NearPerfect(StrEnum):
    """What to do once no task is left on which an improvement could be shown."""

    NONINFERIORITY = "noninferiority"
    """Promote whatever is not worse."""
    HOLD = "hold"
    """Keep the live version."""


class Approval(StrEnum):
    """Whether a person must agree before a promoted candidate is deployed."""

    NONE = "none"
    REQUIRED = "required"


@dataclass(frozen=True, kw_only=True)
class GateRules:
    """What does not change from gate to gate."""

    budget: ErrorBudget
    max_pairs: int
    batch: int
    margin: float
    """Success rate that may be lost on a task where the live version is not yet good."""
    narrow_margin: float
    """The same where it is: where its earlier record is at least 90%."""
    margins: Mapping[str, float] = field(default_factory=dict)
    """Task -> a margin of its own."""
    near_perfect: NearPerfect = NearPerfect.NONINFERIORITY
    improvement: Improvement = Improvement.SUCCESS
    anchor: str | None = None
    """Version that a person approved."""
    label_errors: Mapping[str, LabelErrors] = field(default_factory=dict)
    approval: Approval = Approval.NONE

    def margins_for(self, earlier: Mapping[str, SuccessRate]) -> dict[str, float]:
        """Task -> margin. `earlier`: the live version's record of every task, from before this gate."""
        return {
            task: self.margins.get(task, self.narrow_margin if (rate.rate or 0.0) >= GOOD_RATE else self.margin)
            for task, rate in earlier.items()
        }

    def observed_margins(self, margins: Mapping[str, float]) -> tuple[float, ...]:
        """All that a boundary must hold for, 0 for the test of improvement among them, as labels show them."""
        shrunk = {margin * self.label_errors.get(task, EXACT).shrinkage for task, margin in margins.items()}
        return tuple(sorted({0.0, *shrunk}))

    def gate(
        self,
        earlier: Mapping[str, SuccessRate],
        *,
        alpha: float,
        boundary: float | None,
        anchor: str | None,
    ) -> PromotionGate:
        """For a live version with such a record. `boundary` is that of alpha; None where alpha is 0."""
        targets = tuple(task for task, rate in earlier.items() if not near_perfect(rate))
        return PromotionGate(
            alpha=alpha,
            boundary=boundary,
            max_pairs=self.max_pairs,
            batch=self.batch,
            margins=self.margins_for(earlier),
            targets=targets,
            improvement=self.improvement,
            hold=not targets and self.near_perfect is NearPerfect.HOLD,
            anchor=anchor,
            label_errors={task: some for task, some in self.label_errors.items() if task in earlier},
        )


def near_perfect(rate: SuccessRate) -> bool:
    """Whether too little is left to be won for an improvement ever to be shown."""
    return rate.episodes >= NEAR_PERFECT_EPISODES and (rate.rate or 0.0) >= NEAR_PERFECT_RATE
