"""PromotionGate: decides from pairs of episodes whether a candidate replaces the live policy version."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from math import ceil, sqrt
from statistics import NormalDist, fmean
from typing import Any, Self

from flywheel.core.calibration import bound, score
from flywheel.core.episode import Outcome
from flywheel.core.label_errors import EXACT, LabelErrors
from flywheel.core.pairs import Improvement, counted
from flywheel.core.policy import SuccessRate

IMPROVEMENT = "improvement"
"""The test that the candidate is better, beside a test for each task that it is not worse."""
FEWEST_DISCORDANT = 10
"""Discordant pairs below which nothing is said about improvement."""
FIRST_FUTILE_LOOK = 2
"""Nothing is given up before this look."""
PLANNED_POWER = 0.8
PLANNED_CORRELATION = 0.5
"""Of two versions' successes on one initial state, for the estimate of how many pairs are needed."""


class Decision(StrEnum):
    """What the gate answers."""

    PROMOTE = "promote"
    REJECT = "reject"
    CONTINUE = "continue"


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


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A decision and why."""

    decision: Decision
    reason: str
    """Of a rejection it begins with spent:, hold:, futile:, budget: or unscored:, and what was not shown."""
    looks: tuple[Look, ...] = ()
    needs: Mapping[str, int] = field(default_factory=dict)
    """Task -> pairs that it must have before the next look; nothing where it is decided."""
    against: Against = Against.LIVE
    """Whom the next pairs are with."""


@dataclass(frozen=True, kw_only=True)
class PromotionGate:
    """Group-sequential: on every task a Tango score test that no more than a margin is lost, and over the target tasks
    a McNemar score test that more is won than lost; all must pass.

    Any number of looks at multiples of `batch` up to `max_pairs`; whatever passes stays passed. The boundary is such
    that each test passes wrongly with a probability of at most alpha (`calibration`), and since all must pass, so does
    a wrong promotion, with any number of tasks. The gate is fixed before its first pair.
    """

    alpha: float
    boundary: float | None
    """c: the bound is c sqrt(max_pairs / n) after n pairs. None: nothing may be promoted (alpha is 0)."""
    max_pairs: int
    """Per task."""
    batch: int
    """Pairs per task between two looks."""
    margins: Mapping[str, float]
    """Task -> success rate that may be lost there. Its keys are the tasks."""
    targets: tuple[str, ...]
    """Tasks over which an improvement must be shown; none: it is enough not to be worse."""
    improvement: Improvement = Improvement.SUCCESS
    hold: bool = False
    """Every task is near-perfect and such versions are to be kept: nothing is promoted."""
    anchor: str | None = None
    """Version that the candidate must not be worse than either, once it has passed against the live version."""
    label_errors: Mapping[str, LabelErrors] = field(default_factory=dict)
    """Task -> errors of its success labels; they are exact where nothing is said."""

    def __post_init__(self) -> None:
        if not self.margins or self.max_pairs % self.batch:
            raise ValueError(f"a gate of {len(self.margins)} tasks, {self.max_pairs} pairs in batches of {self.batch}")

    def judge(self, pairs: Mapping[str, str], anchor_pairs: Mapping[str, str] | None = None) -> Verdict:
        """Task -> its pairs as letters of `Pair`, in the order of their indices.

        Replays every look from the first pair on, so that the same pairs give the same verdict at any time.
        """
        if self.boundary is None:
            return Verdict(
                decision=Decision.REJECT,
                reason="spent: the campaign's error budget is used up; a person opens a new one: flywheel gate renew",
            )
        if self.hold:
            return Verdict(decision=Decision.REJECT, reason="hold: every task is near-perfect, the live version stays")
        verdict = self._replayed(self.boundary, pairs, Against.LIVE, self.targets)
        if verdict.decision is not Decision.PROMOTE or self.anchor is None:
            return verdict
        beside = self._replayed(self.boundary, anchor_pairs or {}, Against.ANCHOR, ())
        reason = beside.reason if beside.decision is not Decision.PROMOTE else f"{verdict.reason}; {beside.reason}"
        return Verdict(
            decision=beside.decision,
            reason=reason,
            looks=(*verdict.looks, *beside.looks),
            needs=beside.needs,
            against=Against.ANCHOR,
        )

    def planned_pairs(self, earlier: Mapping[str, SuccessRate]) -> int:
        """Pairs per task for which a version that is as good is found not worse on all tasks four times out of five.

        n = (c + z)^2 pi / m^2 with the discordance pi = 2 p (1 - p) (1 - rho), the largest over the tasks; at least
        what pairs without any difference need. `earlier` is the live version's record, task -> success rate.
        """
        assert self.boundary is not None, "a gate that cannot promote needs no pairs"
        z = NormalDist().inv_cdf(PLANNED_POWER ** (1.0 / len(self.margins)))
        needed = [_ties_needed(self.boundary, min(map(self.margin, self.margins)), self.max_pairs)]
        for task in self.margins:
            rate = earlier.get(task, SuccessRate(successes=0, episodes=0))
            p = (rate.successes + 0.5) / (rate.episodes + 1.0)
            discordance = 2.0 * p * (1.0 - p) * (1.0 - PLANNED_CORRELATION)
            needed.append((self.boundary + z) ** 2 * discordance / self.margin(task) ** 2)
        return ceil(max(needed))

    def margin(self, task: str) -> float:
        """On the scale of the labels: their errors shrink every difference."""
        return self.margins[task] * self.label_errors.get(task, EXACT).shrinkage

    def _replayed(
        self, boundary: float, pairs: Mapping[str, str], against: Against, targets: tuple[str, ...]
    ) -> Verdict:
        waiting = [*self.margins, *([IMPROVEMENT] if targets else [])]
        looks: list[Look] = []
        for n in range(self.batch, self.max_pairs + 1, self.batch):
            active = [task for task in self.margins if task in waiting or (IMPROVEMENT in waiting and task in targets)]
            if any(len(pairs.get(task, "")) < n for task in active):
                needs = dict.fromkeys(active, n)
                return Verdict(
                    decision=Decision.CONTINUE,
                    reason=f"{n} pairs of {', '.join(active)} are needed",
                    looks=tuple(looks),
                    needs=needs,
                    against=against,
                )
            look = self._look(boundary, n, pairs, against, targets, waiting)
            looks.append(look)
            waiting = [test.name for test in look.tests if not test.passed]
            if not waiting:
                return Verdict(decision=Decision.PROMOTE, reason=_shown(looks, targets), looks=tuple(looks))
            why_not = self._why_not(boundary, look)
            if why_not is not None:
                return Verdict(decision=Decision.REJECT, reason=why_not, looks=tuple(looks), against=against)
        raise AssertionError("the last look decides")

    def _look(
        self,
        boundary: float,
        n: int,
        pairs: Mapping[str, str],
        against: Against,
        targets: tuple[str, ...],
        waiting: Iterable[str],
    ) -> Look:
        needed = bound(boundary, n, max_pairs=self.max_pairs)
        tests = []
        for name in waiting:
            if name == IMPROVEMENT:
                tasks, margin, improvement = targets, 0.0, self.improvement
            else:
                tasks, margin, improvement = (name,), self.margin(name), Improvement.SUCCESS
            counts = [counted(pairs[task][:n], improvement) for task in tasks]
            wins, losses = sum(won for won, _ in counts), sum(lost for _, lost in counts)
            total, last = n * len(tasks), self.max_pairs * len(tasks)
            tests.append(
                Test(
                    name=name,
                    pairs=total,
                    wins=wins,
                    losses=losses,
                    statistic=statistic(wins, losses, total, margin),
                    at_best=statistic(*projected(wins, losses, total, last), last, margin),
                    passed=statistic(wins, losses, total, margin) >= needed,
                )
            )
        return Look(against=against, pairs=n, bound=needed, tests=tuple(tests))

    def _why_not(self, boundary: float, look: Look) -> str | None:
        """Why the candidate is rejected after a look at which not all has passed; None: it is not."""
        missing = [test for test in look.tests if not test.passed]
        beside = "anchor:" if look.against is Against.ANCHOR else ""
        if look.pairs == self.max_pairs:
            worst = min(missing, key=lambda test: test.statistic)
            return f"budget:{beside}{worst.name} not shown by {look.pairs} pairs, z {worst.statistic:.2f} of {boundary}"
        worst = min(missing, key=lambda test: test.at_best)
        if look.pairs < FIRST_FUTILE_LOOK * self.batch or worst.at_best >= boundary:
            return None
        return (
            f"futile:{beside}{worst.name} is out of reach after {look.pairs} pairs, "
            f"z at best {worst.at_best:.2f} of {boundary}"
        )

    @property
    def plain(self) -> dict[str, Any]:
        """For a record."""
        errors = {task: some.plain for task, some in self.label_errors.items()}
        return {
            **{name: getattr(self, name) for name in ("alpha", "boundary", "max_pairs", "batch", "hold", "anchor")},
            "margins": dict(self.margins),
            "targets": list(self.targets),
            "improvement": str(self.improvement),
            "label_errors": errors,
        }

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        """From a record."""
        return cls(
            **{
                **plain,
                "targets": tuple(plain["targets"]),
                "improvement": Improvement(plain["improvement"]),
                "label_errors": {task: LabelErrors.of(some) for task, some in plain["label_errors"].items()},
            }
        )


def judge_first(outcomes: Mapping[str, Sequence[Outcome]]) -> Verdict:
    """Of a candidate while no version is live, from its episodes of each task: promoted if they could be scored."""
    rates = []
    for task, some in outcomes.items():
        scored = [outcome for outcome in some if outcome is not Outcome.UNSCORED]
        if not scored:
            return Verdict(decision=Decision.REJECT, reason=f"unscored:{task} nobody reported any success or failure")
        rates.append(scored.count(Outcome.SUCCESS) / len(scored))
    return Verdict(decision=Decision.PROMOTE, reason=f"no live version to compare with; {fmean(rates):.3f} success")


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


def _ties_needed(boundary: float, margin: float, max_pairs: int) -> float:
    """Pairs without a difference that show that no more than the margin is lost: z = sqrt(n m / (1 - m))."""
    return sqrt(boundary**2 * max_pairs * (1.0 - margin) / margin)


def _shown(looks: Sequence[Look], targets: tuple[str, ...]) -> str:
    last = looks[-1]
    if last.against is Against.ANCHOR:
        return f"not worse than the anchor on any task after {last.pairs} pairs"
    if not targets:
        return f"not worse on any task after {last.pairs} pairs; no improvement is asked for"
    (better,) = [test for look in looks for test in look.tests if test.name == IMPROVEMENT and test.passed]
    over = "1 task" if len(targets) == 1 else f"{len(targets)} tasks"
    return f"not worse on any task and better over {over} (z {better.statistic:.2f}) after {last.pairs} pairs"
