"""Calibration: how high the gate's boundary must be so that its error stays below alpha, by exact computation.

A test looks at pairs after every batch and passes at the first look n with z >= c sqrt(N / n) (O'Brien & Fleming
1979). Its z is Tango's score statistic (Tango 1998, "Equivalence test and confidence interval for the difference in
proportions for the paired-sample design"), which for a margin of 0 is McNemar's.
"""

from collections.abc import Sequence
from functools import cache, lru_cache
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]

MARGINS = (0.0, 0.05, 0.1, 0.15, 0.2)
"""Those that the tabulated boundaries hold for; 0 is the test of improvement."""

BOUNDARIES: dict[tuple[int, int], dict[float, float]] = {
    (100, 25): {0.05: 1.84, 0.025: 2.08, 0.02: 2.16, 0.01: 2.45, 0.005: 2.68},
    (200, 25): {0.05: 1.82, 0.025: 2.11, 0.02: 2.19, 0.01: 2.46, 0.005: 2.72},
}
"""(Pairs at most, batch) -> alpha -> c, from `calibrate` with MARGINS."""

ALPHAS = (0.05, 0.025, 0.02, 0.01, 0.005)
"""Those with tabulated boundaries; others are rounded down to one of these."""

RATE_STEP = 0.01
"""Of the grid over the rate of discordant pairs."""


def score(wins: Reals | float, losses: Reals | float, pairs: int, margin: float) -> Reals:
    """Tango's z for H0: P(win) - P(loss) <= -margin, by element; 0 where its variance is 0.

    With d = -margin: A = 2n, B = -W - L + (2n - W + L) d, C = -L d (1 - d), q = (sqrt(B^2 - 4AC) - B) / 2A the loss
    rate's estimate under H0, v = n (2q + d (1 - d)), z = (W - L - n d) / sqrt(v).
    """
    w, lost, d = np.asarray(wins, dtype=np.float64), np.asarray(losses, dtype=np.float64), -margin
    a = 2.0 * pairs
    b = -w - lost + (2.0 * pairs - w + lost) * d
    c = -lost * d * (1.0 - d)
    q = (np.sqrt(np.maximum(b * b - 4.0 * a * c, 0.0)) - b) / (2.0 * a)
    variance = pairs * (2.0 * q + d * (1.0 - d))
    safe = np.where(variance > 1e-12, variance, 1.0)
    z: Reals = np.where(variance > 1e-12, (w - lost - pairs * d) / np.sqrt(safe), 0.0)
    return z


def bound(boundary: float, pairs: int, *, max_pairs: int) -> float:
    """What z must reach at the look after so many pairs."""
    return boundary * sqrt(max_pairs / pairs)


def error(boundary: float, *, margin: float, rate: float, max_pairs: int, batch: int) -> float:
    """P(z reaches the bound at any look), exactly, where P(win) - P(loss) = -margin and a share `rate` of the pairs is
    discordant.

    The state after n pairs is (wins, losses); each pair moves it by a trinomial step, and at a look the states that
    pass leave. z rises with wins and falls with losses, so no smaller difference has a larger error.
    """
    win, loss = (rate - margin) / 2.0, (rate + margin) / 2.0
    mass = np.zeros((max_pairs + 1, max_pairs + 1))
    mass[0, 0] = 1.0
    passed = 0.0
    for n in range(1, max_pairs + 1):
        before = mass[:n, :n].copy()
        mass[:n, :n] *= 1.0 - rate
        mass[1 : n + 1, :n] += win * before
        mass[:n, 1 : n + 1] += loss * before
        if n % batch == 0:
            crossed = _passing(boundary, margin, n, max_pairs)
            passed += float(mass[: n + 1, : n + 1][crossed].sum())
            mass[: n + 1, : n + 1][crossed] = 0.0
    return passed


def worst_error(boundary: float, *, margin: float, max_pairs: int, batch: int) -> float:
    """The largest over the discordance rate, of which nothing is known."""
    return max(error(boundary, margin=margin, rate=rate, max_pairs=max_pairs, batch=batch) for rate in _rates(margin))


def tabulated(alpha: float, *, margins: Sequence[float], max_pairs: int, batch: int) -> float | None:
    """The boundary from the table; None: it must be calibrated."""
    covered = all(any(abs(margin - known) < 1e-9 for known in MARGINS) for margin in margins)
    return BOUNDARIES.get((max_pairs, batch), {}).get(alpha) if covered else None


@cache
def calibrate(alpha: float, *, margins: tuple[float, ...], max_pairs: int, batch: int) -> float:
    """The smallest c, in hundredths, whose error is at most alpha for every margin and every discordance rate.

    Takes some seconds for 200 pairs. ValueError: max_pairs is no multiple of batch.
    """
    if max_pairs % batch:
        raise ValueError(f"{max_pairs} pairs are no multiple of {batch}")
    hundredths = 1
    for margin in margins:
        for rate in _rates(margin):
            # Most rates are not the worst one and need one look only.
            while _exceeds(alpha, hundredths, margin, rate, max_pairs, batch):
                step = 1
                while _exceeds(alpha, hundredths + step, margin, rate, max_pairs, batch):
                    step *= 2
                hundredths += max(1, step // 2)
    return hundredths / 100.0


def _exceeds(alpha: float, hundredths: int, margin: float, rate: float, max_pairs: int, batch: int) -> bool:
    return error(hundredths / 100.0, margin=margin, rate=rate, max_pairs=max_pairs, batch=batch) > alpha


@lru_cache(maxsize=64)
def _passing(boundary: float, margin: float, pairs: int, max_pairs: int) -> NDArray[np.bool_]:
    """[n + 1, n + 1]: wins, losses."""
    counts = np.arange(pairs + 1, dtype=np.float64)
    wins, losses = np.meshgrid(counts, counts, indexing="ij")
    possible = wins + losses <= pairs
    z = score(wins, np.where(possible, losses, 0), pairs, margin)
    return possible & (z >= bound(boundary, pairs, max_pairs=max_pairs))


def _rates(margin: float) -> list[float]:
    """From the least that the margin allows to 1."""
    count = ceil((1.0 - margin) / RATE_STEP)
    return [margin + (1.0 - margin) * index / count for index in range(count + 1)]
