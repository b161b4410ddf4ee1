"""Made-up campaigns of pairs, for the benchmark of the promotion gate."""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]
Flags = NDArray[np.bool_]

MAX_PAIRS, BATCH = 200, 25
LOOKS = np.arange(BATCH, MAX_PAIRS + 1, BATCH)
ALPHA = 0.05
NEVER = len(LOOKS)
"""Instead of the index of a look."""


@dataclass(frozen=True, kw_only=True)
class World:
    """Tasks on which the live version succeeds in a share of `rate`, and the candidate in `gains` more."""

    gains: tuple[float, ...]
    rate: float
    correlation: float
    """Of the two successes of a pair."""
    margin: float
    targets: int | None = None
    """How many tasks, of the first, an improvement must be shown over; None: all."""

    def draw(self, runs: int, generator: np.random.Generator) -> "Sample":
        counts = [
            generator.multinomial(BATCH, self._chances(gain), size=(runs, len(LOOKS))).cumsum(axis=1)
            for gain in self.gains
        ]
        both, wins, losses, _ = np.moveaxis(np.stack(counts, axis=2), -1, 0).astype(np.float64)
        return Sample(world=self, both=both, wins=wins, losses=losses)

    def _chances(self, gain: float) -> tuple[float, float, float, float]:
        """Both, candidate alone, live version alone, neither."""
        x, y = self.rate, self.rate + gain
        both = x * y + self.correlation * sqrt(x * (1 - x) * y * (1 - y))
        both = min(max(both, x + y - 1, 0.0), x, y)
        return both, y - both, x - both, 1 - x - y + both


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Counts [campaigns, looks, tasks] after each look."""

    world: World
    both: Reals
    wins: Reals
    losses: Reals

    @property
    def pairs(self) -> Reals:
        """[looks, 1]"""
        return LOOKS[:, None].astype(np.float64)

    @property
    def pooled(self) -> tuple[Reals, Reals, Reals]:
        """Wins and losses [campaigns, looks] and pairs [looks] over the targets."""
        wins, losses = (some[:, :, : self.world.targets] for some in (self.wins, self.losses))
        return wins.sum(axis=2), losses.sum(axis=2), self.pairs[:, 0] * wins.shape[2]

    def judged(self, worse: Flags, better: Flags) -> "Outcome":
        """From passed tests [campaigns, looks, tasks] and [campaigns, looks]: kept, and all of them promote."""
        worse, better = np.logical_or.accumulate(worse, axis=1), np.logical_or.accumulate(better, axis=1)
        whole = worse.all(axis=2) & (better | (self.world.targets == 0))
        return Outcome(promoted=whole.any(axis=1), pairs=LOOKS[first(whole, otherwise=NEVER - 1)].astype(np.float64))


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Of each campaign."""

    promoted: Flags
    pairs: Reals
    """Per task, when it was decided."""
    asked: Reals | None = None
    """Per task on average, where tasks that have passed are not asked again."""


def first(happened: Flags, *, otherwise: int) -> NDArray[np.int_]:
    return np.where(happened.any(axis=1), happened.argmax(axis=1), otherwise)
