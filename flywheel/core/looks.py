"""Looks: what pairs say after a batch, as statistics of the things that must be shown."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from math import sqrt
from typing import Any

from flywheel.core.calibration import score

IMPROVEMENT = "improvement"
"""The test that the candidate is better, beside a test for each task that it is not worse."""
FEWEST_DISCORDANT = 10
"""Discordant pairs below which nothing is said about improvement."""


class Against(StrEnum):
    """Whom the candidate is compared with."""

    LIVE = "live"
    ANCHOR = "anchor"


@dataclass(frozen=True, kw_only=True)
class Test:
    """One of the things that must be shown, at one look."""

    name: str
    """A task, or IMPROVEMENT."""
    pairs: int
    """All that count: of improvement, those of all targets together."""
    wins: int
    losses: int
    statistic: float
    """z."""
    at_best: float
    """z at the last look if chance is kind from now on."""
    passed: bool


@dataclass(frozen=True, kw_only=True)
class Look:
    """What the pairs say once each task that still counts has so many."""

    against: Against
    pairs: int
    bound: float
    """What each statistic must reach."""
    tests: tuple[Test, ...]
    """Those that had not passed before."""

    @property
    def plain(self) -> dict[str, Any]:
        return {**asdict(self), "against": str(self.against), "tests": [asdict(test) for test in self.tests]}


def statistic(wins: float, losses: float, pairs: int, margin: float) -> float:
    """z of a test; with a margin of 0 it is improvement's, (W - L) / sqrt(W + L)."""
    if margin == 0.0 and wins + losses < FEWEST_DISCORDANT:
        return 0.0
    return float(score(wins, losses, pairs, margin))


def projected(wins: int, losses: int, pairs: int, last: int) -> tuple[float, float]:
    """Wins and losses after `last` pairs if those to come go as well as can be expected: the rates so far, each moved
    by half of three standard errors of their difference."""
    w, lost = (wins + 0.5) / (pairs + 1), (losses + 0.5) / (pairs + 1)
    spread = 3.0 * sqrt(max(w + lost - (w - lost) ** 2, 0.0) / (pairs + 1)) / 2.0
    left = last - pairs
    most_losses = losses + left * min(max(lost - spread, 0.0), 1.0)
    most_wins = wins + left * min(max(w + spread, 0.0), 1.0)
    return min(most_wins, last - most_losses), most_losses
