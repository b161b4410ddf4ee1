"""PromotionGate: decides from paired outcomes whether a candidate replaces the live policy version."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Decision(StrEnum):
    """What the gate answers."""

    PROMOTE = "promote"
    REJECT = "reject"
    CONTINUE = "continue"


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two episodes from one initial state: whether each succeeded. `live` is None while there is no live version."""

    candidate: bool
    live: bool | None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A decision and why."""

    decision: Decision
    reason: str


@dataclass(frozen=True, kw_only=True)
class PromotionGate:
    """A point comparison on the same initial states.

    Promotes a candidate whose success rate over all tasks is not below the live version's and that lost no more than
    `margin` on any task. It says nothing about chance: two equal policies are promoted or rejected by luck.
    """

    min_episodes: int
    """Pairs per task before it decides."""
    margin: float
    """Success rate that may be lost on one task."""

    def judge(self, pairs: Mapping[str, Sequence[Pair]]) -> Verdict:
        """Task -> its pairs, in the order of their seeds."""
        fewest = min(pairs, key=lambda task: len(pairs[task]))
        if len(pairs[fewest]) < self.min_episodes:
            return Verdict(
                decision=Decision.CONTINUE,
                reason=f"{fewest}: {len(pairs[fewest])} of {self.min_episodes} pairs",
            )
        candidate = {task: _rate([pair.candidate for pair in some]) for task, some in pairs.items()}
        if all(pair.live is None for some in pairs.values() for pair in some):
            return Verdict(
                decision=Decision.PROMOTE,
                reason=f"no live version to compare with; {_mean(candidate):.3f} success",
            )
        live = {task: _rate([bool(pair.live) for pair in some]) for task, some in pairs.items()}
        worst = min(candidate, key=lambda task: candidate[task] - live[task])
        if candidate[worst] < live[worst] - self.margin:
            return Verdict(
                decision=Decision.REJECT,
                reason=f"{worst}: {candidate[worst]:.3f} against {live[worst]:.3f}, more than {self.margin} lost",
            )
        better = _mean(candidate) >= _mean(live)
        return Verdict(
            decision=Decision.PROMOTE if better else Decision.REJECT,
            reason=f"mean success {_mean(candidate):.3f} against {_mean(live):.3f}",
        )


def _rate(successes: Sequence[bool]) -> float:
    return sum(successes) / len(successes)


def _mean(rates: Mapping[str, float]) -> float:
    return sum(rates.values()) / len(rates)
