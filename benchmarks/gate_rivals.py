"""Other rules for promotion, for the benchmark of the gate."""

from math import erf, log, sqrt

import numpy as np

from benchmarks.gate_worlds import ALPHA, LOOKS, NEVER, Outcome, Reals, Sample, first
from flywheel.core.calibration import score
from flywheel.core.gate import FEWEST_DISCORDANT

FIXED = 1.645
"""Of one look, at alpha 0.05, one-sided."""


def once(sample: Sample) -> Outcome:
    """Tango's and McNemar's tests at the last pair."""
    worse, better = scores(sample)
    late = np.arange(len(LOOKS)) == len(LOOKS) - 1
    return sample.judged((worse >= FIXED) & late[:, None], (better >= FIXED) & late)


def uncorrected(sample: Sample) -> Outcome:
    """The same after every batch."""
    worse, better = scores(sample)
    return sample.judged(worse >= FIXED, better >= FIXED)


def intervals(sample: Sample) -> Outcome:
    """Promotes as soon as no task's Wilson intervals lie apart and the mean is higher."""
    ours = _wilson(sample.both + sample.wins, sample.pairs)
    theirs = _wilson(sample.both + sample.losses, sample.pairs)
    more = (sample.wins - sample.losses).sum(axis=2) > 0
    whole = (ours[1] >= theirs[0]).all(axis=2) & more
    return Outcome(promoted=whole.any(axis=1), pairs=LOOKS[first(whole, otherwise=NEVER - 1)].astype(np.float64))


def betting(sample: Sample) -> Outcome:
    """An even mixture of bets on the difference: a test martingale, which may be looked at after any pair.

    Waudby-Smith & Ramdas (2024), "Estimating means of bounded random variables by betting".
    """
    ties = sample.pairs - sample.wins - sample.losses

    def wealth(wins: Reals, losses: Reals, ties: Reals, margin: float) -> Reals:
        shares = np.linspace(0.02, 0.98, 25) / (1.0 + margin) / (1.0 - margin if margin else 1.0)
        shares = shares[shares * (1.0 - margin) < 1.0]
        logs = [
            wins * log(1 + s * (1 + margin)) + losses * log(1 - s * (1 - margin)) + ties * log(1 + s * margin)
            for s in shares
        ]
        mixed: Reals = np.logaddexp.reduce(logs, axis=0) - log(len(shares))
        return mixed

    enough = log(1.0 / ALPHA)
    wins, losses, _ = sample.pooled
    worse = wealth(sample.wins, sample.losses, ties, sample.world.margin) >= enough
    return sample.judged(worse, wealth(wins, losses, np.zeros_like(wins), 0.0) >= enough)


def likelihood_ratio(sample: Sample) -> Outcome:
    """Wald's test on the discordant pairs, with the discordance as it was found, against no difference; and of no
    difference against three wins to two losses."""
    discordant = np.maximum(sample.wins + sample.losses, 1.0)
    seen = np.maximum(discordant / sample.pairs, sample.world.margin + 0.02)
    null = (seen - sample.world.margin) / (2.0 * seen)
    worse = sample.wins * np.log(0.5 / null) + sample.losses * np.log(0.5 / (1.0 - null))
    wins, losses, _ = sample.pooled
    better = wins * log(0.6 / 0.5) + losses * log(0.4 / 0.5)
    enough = log(0.8 / ALPHA)
    return sample.judged(worse >= enough, better >= enough)


def bayes(sample: Sample) -> Outcome:
    """Promotes once the posterior, from a flat prior over win, loss and tie, says 95%; its normal approximation."""
    worse = _posterior(sample.wins, sample.losses, sample.pairs, -sample.world.margin)
    better = _posterior(*sample.pooled, 0.0)
    return sample.judged(worse >= 1.0 - ALPHA, better >= 1.0 - ALPHA)


def scores(sample: Sample) -> tuple[Reals, Reals]:
    """z of every task [campaigns, looks, tasks] and of the improvement [campaigns, looks]."""
    worse = np.stack(
        [
            score(sample.wins[:, look], sample.losses[:, look], int(n), sample.world.margin)
            for look, n in enumerate(LOOKS)
        ],
        axis=1,
    )
    wins, losses, _ = sample.pooled
    return worse, mcnemar(wins, losses)


def mcnemar(wins: Reals, losses: Reals) -> Reals:
    total = wins + losses
    z: Reals = np.where(total >= FEWEST_DISCORDANT, (wins - losses) / np.sqrt(np.maximum(total, 1.0)), 0.0)
    return z


def _wilson(successes: Reals, pairs: Reals) -> tuple[Reals, Reals]:
    z, p = 1.96, successes / pairs
    centre = (p + z * z / (2 * pairs)) / (1 + z * z / pairs)
    half = z / (1 + z * z / pairs) * np.sqrt(p * (1 - p) / pairs + z * z / (4 * pairs * pairs))
    return centre - half, centre + half


def _posterior(wins: Reals, losses: Reals, pairs: Reals, difference: float) -> Reals:
    """P(win rate - loss rate > difference)."""
    total = pairs + 3.0
    w, lost = (wins + 1.0) / total, (losses + 1.0) / total
    deviation = np.sqrt((w + lost - (w - lost) ** 2) / (total + 1.0))
    chance: Reals = 0.5 * (1.0 + np.vectorize(erf)((w - lost - difference) / deviation / sqrt(2.0)))
    return chance
