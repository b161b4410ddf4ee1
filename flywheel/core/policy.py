"""PolicyVersion: the identity of deployable weights; SuccessRate: how good they were found to be."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import sqrt

from flywheel.core.episode import Outcome


class Status(StrEnum):
    """Where a policy version stands. One version per endpoint is live."""

    CANDIDATE = "candidate"
    LIVE = "live"
    REJECTED = "rejected"
    RETIRED = "retired"


@dataclass(frozen=True, kw_only=True)
class PolicyVersion:
    """Immutable identity of trained weights and of what they were made from."""

    policy_id: str
    iteration: int
    parent: str | None
    """The version whose weights training started from."""
    digest: str
    """sha256 of the weights' file."""
    trained_on: Mapping[str, int]
    """Delta table -> version."""
    recalls: tuple[int, ...] = ()
    """Those that counted: their episodes were left out."""


@dataclass(frozen=True, kw_only=True)
class SuccessRate:
    """k successes of n scored episodes, with the Wilson score interval at 95%.

    Wilson, E. B. (1927), "Probable inference, the law of succession, and statistical inference".
    """

    successes: int
    episodes: int

    def __post_init__(self) -> None:
        if not 0 <= self.successes <= self.episodes:
            raise ValueError(f"{self.successes} successes of {self.episodes} episodes")

    @classmethod
    def of(cls, outcomes: Iterable[Outcome]) -> "SuccessRate":
        """Unscored and crashed episodes do not count."""
        scored = [outcome for outcome in outcomes if outcome in (Outcome.SUCCESS, Outcome.FAILURE)]
        return cls(successes=scored.count(Outcome.SUCCESS), episodes=len(scored))

    @property
    def rate(self) -> float | None:
        """None where nothing was scored."""
        return self.successes / self.episodes if self.episodes else None

    @property
    def lower(self) -> float:
        """Lower end of the interval; 0 where nothing was scored."""
        return self._interval()[0]

    @property
    def upper(self) -> float:
        """Upper end of the interval; 1 where nothing was scored."""
        return self._interval()[1]

    def _interval(self) -> tuple[float, float]:
        if not self.episodes:
            return 0.0, 1.0
        z, n, p = 1.959964, self.episodes, self.successes / self.episodes
        centre = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        # At p = 0 and p = 1 an end is p itself, but for rounding.
        return min(p, max(0.0, centre - half)), max(p, min(1.0, centre + half))
