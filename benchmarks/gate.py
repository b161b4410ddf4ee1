"""The promotion gate by simulation: false promotions and power, against other rules on the same pairs."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from benchmarks.gate_rivals import bayes, betting, intervals, likelihood_ratio, mcnemar, once, scores, uncorrected
from benchmarks.gate_worlds import ALPHA, BATCH, LOOKS, MAX_PAIRS, NEVER, Outcome, Reals, Sample, World, first
from benchmarks.writing import machine, publish, table
from flywheel.core.calibration import ALPHAS, BOUNDARIES, MARGINS, bound, score, worst_error
from flywheel.core.gate import FIRST_FUTILE_LOOK, Decision, PromotionGate

BOUNDARY = BOUNDARIES[MAX_PAIRS, BATCH][ALPHA]
CAMPAIGNS = 2_000
MANY_CAMPAIGNS = 20_000


def measure() -> None:
    """Prints the tables of benchmarks/README.md."""
    before, generator = machine(), np.random.default_rng(0)
    rows, result = [], {}
    for name, rule in RULES.items():
        false = max(_share(rule, world, CAMPAIGNS, generator) for world in _lossy())
        outcome = rule(MIXED.draw(CAMPAIGNS, generator))
        power, pairs = float(outcome.promoted.mean()), float(outcome.pairs.mean())
        asked = pairs if outcome.asked is None else float(outcome.asked.mean())
        valid = false <= ALPHA + 0.015
        rows.append(
            [
                name,
                f"{false:.3f}",
                *([f"{power:.3f}", f"{pairs:.0f}", f"{asked:.0f}"] if valid else ["invalid", "", ""]),
            ]
        )
        result[name] = {"false_promotions": false, "power": power, "pairs": pairs, "asked": asked}
    limits = _limits(generator)
    exact = {
        str(alpha): {
            "boundary": boundary,
            "worst": max(worst_error(boundary, margin=m, max_pairs=MAX_PAIRS, batch=BATCH) for m in MARGINS),
        }
        for alpha, boundary in BOUNDARIES[MAX_PAIRS, BATCH].items()
    }
    agreed = _agreement(generator)
    text = "\n\n".join(
        [
            table(["rule", "largest false promotion", "power", "pairs until decided", "asked for per task"], rows),
            table(["figure", "share"], [[name, f"{share:.3f}"] for name, share in limits.items()]),
            table(
                ["alpha", *map(str, ALPHAS)], [["c", *_row(exact, "boundary")], ["worst error", *_row(exact, "worst")]]
            ),
            f"The package's gate decided {agreed} of {agreed} simulated campaigns as the arrays here did.",
        ]
    )
    publish(
        "gate",
        title=f"The promotion gate, alpha {ALPHA}, at most {MAX_PAIRS} pairs",
        text=text,
        result={"rules": result, "figures": limits, "exact": exact, "agreed": agreed, "campaigns": CAMPAIGNS},
        before=before,
    )


def sequential(sample: Sample, boundary: float = BOUNDARY) -> Outcome:
    """The package's rule, by arrays."""
    return _sequential(sample, boundary)


RULES: Mapping[str, Callable[[Sample], Outcome]] = {
    "Wilson intervals compared, after every batch": intervals,
    "Tango and McNemar, once at 200": once,
    "the same after every batch, uncorrected": uncorrected,
    "**calibrated group-sequential (this rule)**": sequential,
    "betting e-process": betting,
    "SPRT on discordant pairs": likelihood_ratio,
    "Bayes, after every batch": bayes,
}

MIXED = World(gains=(0.1, 0.1, 0.1, *(7 * [0.0])), rate=0.6, correlation=0.5, margin=0.15, targets=3)
"""Three of ten tasks, those aimed at, are better, the others as good."""


def _lossy() -> Iterator[World]:
    """One task loses exactly the margin, all others are better."""
    for num_tasks in (3, 10):
        for margin in (0.1, 0.15):
            for rate in (0.6, 0.8, 0.89):
                for correlation in (0.0, 0.5, 0.8):
                    gains = (-margin, *((num_tasks - 1) * [0.1]))
                    yield World(gains=gains, rate=rate, correlation=correlation, margin=margin)


def _limits(generator: np.random.Generator) -> dict[str, float]:
    found = {}
    for alpha in (0.05, 0.02):
        boundary = BOUNDARIES[MAX_PAIRS, BATCH][alpha]
        crossed = []
        for rate in (0.6, 0.9):
            for num_tasks in (1, 3, 10):
                world = World(gains=(0.0,) * num_tasks, rate=rate, correlation=0.5, margin=0.15)
                _, better = scores(world.draw(MANY_CAMPAIGNS, generator))
                crossed.append(float((better >= _bounds(boundary)).any(axis=1).mean()))
        found[f"improvement passes though nothing is better, alpha {alpha}, at most"] = max(crossed)
    same = World(gains=(0.0,) * 10, rate=0.6, correlation=0.0, margin=0.15, targets=0)
    for alpha in (0.05, 0.02):
        boundary = BOUNDARIES[MAX_PAIRS, BATCH][alpha]
        share = float(_sequential(same.draw(CAMPAIGNS, generator), boundary).promoted.mean())
        found[f"ten unchanged tasks at 0.6, uncorrelated, margin 0.15, are found not worse, alpha {alpha}"] = share
    found["the same, once at 200 pairs"] = _share(once, same, CAMPAIGNS, generator)
    return found


def _sequential(sample: Sample, boundary: float) -> Outcome:
    worse, better = scores(sample)
    bounds, num_tasks = _bounds(boundary), worse.shape[2]
    kept = np.logical_or.accumulate(worse >= bounds[:, None], axis=1)
    gained = np.logical_or.accumulate(better >= bounds, axis=1) | (sample.world.targets == 0)
    whole = kept.all(axis=2) & gained
    hopeless = (_at_best(sample.wins, sample.losses, sample.pairs, MAX_PAIRS, sample.world.margin) < boundary) & ~kept
    wins, losses, pairs = sample.pooled
    lost = (_at_best(wins, losses, pairs, MAX_PAIRS * int(pairs[0]) // BATCH, 0.0) < boundary) & ~gained
    futile = hopeless.any(axis=2) | lost
    futile[:, : FIRST_FUTILE_LOOK - 1] = False
    promoted, given_up = first(whole, otherwise=NEVER), first(futile, otherwise=NEVER)
    end = np.minimum(np.minimum(promoted, given_up), NEVER - 1)
    # A task takes part in a look if, at the look before, it had not passed, or it is a target and they had not.
    target = np.arange(num_tasks) < (num_tasks if sample.world.targets is None else sample.world.targets)
    takes = np.concatenate([np.ones_like(kept[:, :1]), (~kept | (target & ~gained[:, :, None]))[:, :-1]], axis=1)
    reached = np.arange(len(LOOKS)) <= end[:, None]
    return Outcome(
        promoted=(promoted < NEVER) & (promoted <= given_up),
        pairs=LOOKS[end].astype(np.float64),
        asked=BATCH * (takes & reached[:, :, None]).sum(axis=(1, 2)) / num_tasks,
    )


def _at_best(wins: Reals, losses: Reals, pairs: Reals, last: int, margin: float) -> Reals:
    w, lost = (wins + 0.5) / (pairs + 1), (losses + 0.5) / (pairs + 1)
    spread = 1.5 * np.sqrt(np.maximum(w + lost - (w - lost) ** 2, 0.0) / (pairs + 1))
    most_losses = losses + (last - pairs) * np.clip(lost - spread, 0, 1)
    most_wins = np.minimum(wins + (last - pairs) * np.clip(w + spread, 0, 1), last - most_losses)
    return score(most_wins, most_losses, last, margin) if margin else mcnemar(most_wins, most_losses)


def _bounds(boundary: float) -> Reals:
    return np.array([bound(boundary, int(n), max_pairs=MAX_PAIRS) for n in LOOKS])


def _share(rule: Callable[[Sample], Outcome], world: World, runs: int, generator: np.random.Generator) -> float:
    return float(rule(world.draw(runs, generator)).promoted.mean())


def _agreement(generator: np.random.Generator, runs: int = 100) -> int:
    """How many campaigns the package's gate decided as the arrays do. AssertionError: one it did not."""
    for world in (MIXED, next(_lossy())):
        sample = world.draw(runs, generator)
        tasks = [str(number) for number in range(len(world.gains))]
        gate = PromotionGate(
            alpha=ALPHA,
            boundary=BOUNDARY,
            max_pairs=MAX_PAIRS,
            batch=BATCH,
            margins=dict.fromkeys(tasks, world.margin),
            targets=tuple(tasks[: world.targets]),
        )
        for run, promoted in enumerate(_sequential(sample, BOUNDARY).promoted):
            pairs = {task: _letters(sample.wins[run, :, k], sample.losses[run, :, k]) for k, task in enumerate(tasks)}
            assert (gate.judge(pairs).decision is Decision.PROMOTE) == promoted, (world, run)
    return 2 * runs


def _letters(wins: Reals, losses: Reals) -> str:
    """Batch by batch."""
    won, lost = np.diff(wins, prepend=0.0).astype(int), np.diff(losses, prepend=0.0).astype(int)
    return "".join("W" * w + "L" * gone + "B" * (BATCH - w - gone) for w, gone in zip(won, lost, strict=True))


def _row(exact: Mapping[str, Mapping[str, float]], what: str) -> list[str]:
    return [f"{exact[str(alpha)][what]:.{2 if what == 'boundary' else 4}f}" for alpha in ALPHAS]
