"""Error budget: what each gate of a campaign may spend, so that the false promotions of all of them stay rare."""

from dataclasses import dataclass
from enum import StrEnum

from flywheel.core.calibration import ALPHAS

LARGEST_ALPHA = 0.05
"""Of any single gate."""


class Scheme(StrEnum):
    """What is kept below the budget."""

    FWER = "fwer"
    """P(any false promotion): each of the planned attempts may spend the same."""
    FDR = "fdr"
    """The expected share of false promotions: a promotion earns the later attempts more (e-LOND)."""


@dataclass(frozen=True, kw_only=True)
class ErrorBudget:
    """Of one campaign: the gates since a person opened it. A gate that was started has spent its alpha."""

    scheme: Scheme
    total: float
    attempts: int
    """Gates that it is planned for."""

    def alpha(self, *, attempt: int, promotions: int) -> float:
        """Of the attempt (the first is 1) after so many promotions; 0 when all planned attempts were started.

        FWER: total / attempts. FDR: min(0.05, total / attempts (promotions + 1)). Both are rounded down to an alpha
        with a tabulated boundary, if there is one.
        """
        if attempt > self.attempts:
            return 0.0
        share = self.total / self.attempts
        if self.scheme is Scheme.FDR:
            share *= promotions + 1
        return rounded_down(min(LARGEST_ALPHA, share))


def rounded_down(alpha: float) -> float:
    """To the next tabulated alpha; as it is below the smallest."""
    return next((known for known in ALPHAS if known <= alpha * (1.0 + 1e-9)), alpha)
