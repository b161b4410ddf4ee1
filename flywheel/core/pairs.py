"""Pairs: two episodes from one initial state, compared."""

from collections.abc import Iterable
from enum import StrEnum

from flywheel.core.episode import EpisodeSummary, Outcome

FASTER_BY = 0.05
"""Share of the other's time by which a success must come sooner to count as faster."""


class Pair(StrEnum):
    """How the candidate did against the other version. The letters stand in records, one per pair, by index."""

    WIN = "W"
    """It alone succeeded."""
    LOSS = "L"
    """The other alone succeeded."""
    FASTER = "F"
    """Both did, it more than 5% sooner."""
    SLOWER = "S"
    """Both did, the other more than 5% sooner, or it is not known when."""
    BOTH = "B"
    """Both did, about as soon."""
    NEITHER = "N"
    UNKNOWN = "U"
    """Nobody reported the success of one of them, and at worst it is a loss: it counts as one."""


class Improvement(StrEnum):
    """What a candidate must do better."""

    SUCCESS = "success"
    """Succeed more often."""
    TIME = "time"
    """Succeed alone, or sooner where both do."""


LOST = frozenset({Pair.LOSS, Pair.UNKNOWN})


def compared(candidate: EpisodeSummary, other: EpisodeSummary) -> Pair:
    """A crash is a failure of whoever acted. No pair is left out: what nobody scored is taken at its worst."""
    ours = candidate.outcome is Outcome.SUCCESS
    theirs = other.outcome in (Outcome.SUCCESS, Outcome.UNSCORED)
    if ours and theirs:
        return _sooner(candidate.time_to_success_s, other.time_to_success_s)
    if ours:
        return Pair.WIN
    if not theirs:
        return Pair.NEITHER
    return Pair.UNKNOWN if Outcome.UNSCORED in (candidate.outcome, other.outcome) else Pair.LOSS


def counted(pairs: Iterable[str], improvement: Improvement = Improvement.SUCCESS) -> tuple[int, int]:
    """Wins and losses. They say all that the gate asks: the order is lost, and counts of parts may be added."""
    letters = list(pairs)
    won, lost = {Pair.WIN}, set(LOST)
    if improvement is Improvement.TIME:
        won.add(Pair.FASTER)
        lost.add(Pair.SLOWER)
    return sum(letter in won for letter in letters), sum(letter in lost for letter in letters)


def _sooner(ours_s: float | None, theirs_s: float | None) -> Pair:
    if ours_s is None or theirs_s is None or theirs_s < (1.0 - FASTER_BY) * ours_s:
        return Pair.SLOWER
    return Pair.FASTER if ours_s < (1.0 - FASTER_BY) * theirs_s else Pair.BOTH
