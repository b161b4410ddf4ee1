"""LabelErrors: how often whoever says that an episode succeeded is wrong, and what that does to what is measured."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class LabelErrors:
    """Upper bounds of a labeler's error rates. They must not depend on who acted.

    With the true rates f and g, a success rate p is observed as p (1 - g) + (1 - p) f, so a difference D of two rates
    is observed as D (1 - f - g): its sign stays, its size shrinks.
    """

    false_positive: float = 0.0
    """P(labelled a success | it failed), at most."""
    false_negative: float = 0.0
    """P(labelled a failure | it succeeded), at most."""

    def __post_init__(self) -> None:
        if min(self.false_positive, self.false_negative) < 0.0 or self.shrinkage <= 0.0:
            raise ValueError(
                f"label errors of {self.false_positive} and {self.false_negative}: they must be at least 0 and "
                "together below 1, or labels say nothing"
            )

    @property
    def shrinkage(self) -> float:
        """The least that is left of a true difference.

        If the true difference is at most -m, the observed one is at most -m (1 - f - g), which is at most
        -m times this, since f and g are at most the bounds. So a margin shrunk by it is never too wide.
        """
        return 1.0 - self.false_positive - self.false_negative

    def corrected(self, lower: float, upper: float) -> tuple[float, float]:
        """The interval of the true rate, from that of the observed one.

        Rogan & Gladen (1978), "Estimating prevalence from the results of a screening test": p = (q - f) / (1 - f - g).
        Of all rates up to the bounds, f at its bound and g = 0 give the least p, f = 0 and g at its bound the largest.
        """
        least = (lower - self.false_positive) / (1.0 - self.false_positive)
        return max(0.0, least), min(1.0, upper / (1.0 - self.false_negative))

    @property
    def plain(self) -> dict[str, float]:
        return {"false_positive": self.false_positive, "false_negative": self.false_negative}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        return cls(**plain)


EXACT = LabelErrors()
"""Never wrong."""
