"""Mixture: how much of each kind of data a batch holds, as plain arithmetic over counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from flywheel.core.episode import Source
from flywheel.core.errors import EpisodeError

Indices = NDArray[np.int64]
Shares = NDArray[np.float64]

RELABELLED: Final = "relabelled"
"""The mixture's name for episodes seen under a task that they were not made for."""
SOURCES: Final = (
    str(Source.DEMONSTRATION),
    str(Source.COLLECTION),
    str(Source.EVALUATION),
    str(Source.UPLOAD),
    RELABELLED,
)
"""What a mixture tells apart first. Codes are indices in it; final evaluations are never trained on."""
OUTCOMES: Final = ("failure", "success", "unscored")
"""Of a label. Codes are indices in it."""
UNSCORED: Final = 2


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """Weights of one iteration's data. Whatever has no data gives its share to the others in proportion."""

    sources: Mapping[str, float]
    """Source or `relabelled` -> its weight in a batch."""
    tasks: Mapping[str, float] = field(default_factory=dict)
    """Task -> its weight within each source; a task that is not named has weight 1."""
    outcomes: Mapping[str, float] = field(default_factory=dict)
    """`success` or `failure` -> factor on a transition's chance within its source and task; 1 where not named."""
    half_life_iterations: float | None = None
    """Within a source and task, a transition's chance halves with every so many iterations of age; None: never."""

    @property
    def plain(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "sources": dict(self.sources),
            "tasks": dict(self.tasks),
            "outcomes": dict(self.outcomes),
            "half_life_iterations": self.half_life_iterations,
        }


@dataclass(frozen=True, kw_only=True)
class Cells:
    """Transitions that are alike to any mixture, counted. All arrays are [C]; no combination is there twice."""

    sources: Indices
    """Index in SOURCES."""
    tasks: Indices
    """Index in the contract's tasks."""
    outcomes: Indices
    """Index in OUTCOMES."""
    iterations: Indices
    """In which the episode was made."""
    counts: Indices

    @classmethod
    def of(
        cls, *, sources: Indices, tasks: Indices, outcomes: Indices, iterations: Indices, counts: Indices
    ) -> tuple["Cells", Indices]:
        """The cells of rows that stand for `counts` transitions each, and the cell of each row."""
        oldest = int(iterations.min(initial=0))
        span = int(iterations.max(initial=0)) - oldest + 1
        shape = (len(SOURCES), int(tasks.max(initial=0)) + 1, len(OUTCOMES), span)
        codes = np.ravel_multi_index((sources, tasks, outcomes, iterations - oldest), shape)
        kinds, cell = np.unique(codes, return_inverse=True)
        source, task, outcome, turn = np.unravel_index(kinds, shape)
        totals = np.bincount(cell, weights=counts, minlength=len(kinds)).astype(np.int64)
        return cls(sources=source, tasks=task, outcomes=outcome, iterations=turn + oldest, counts=totals), cell


def densities(mixture: Mixture, cells: Cells, *, tasks: Sequence[str], iteration: int) -> Shares:
    """[C]: the probability that a draw takes one certain transition of the cell. Weighted by counts, they sum to 1.

    A source is drawn by its weight, then one of its tasks by its weight, then one of their transitions by the factors
    of its outcome and age. EpisodeError: nothing has a weight.
    """
    factors = _factors(mixture, cells, len(tasks), iteration)
    pairs = cells.sources * len(tasks) + cells.tasks
    mass = np.bincount(pairs, weights=factors * cells.counts, minlength=len(SOURCES) * len(tasks))
    shares = _pair_shares(mixture, mass.reshape(len(SOURCES), len(tasks)) > 0, tasks).ravel()
    chances: Shares = np.divide(shares[pairs] * factors, mass[pairs], out=np.zeros(len(pairs)), where=mass[pairs] > 0)
    return chances


def effective_shares(cells: Cells, chances: Shares, *, tasks: Sequence[str], iteration: int) -> dict[str, Any]:
    """What a batch holds on average, by source, task, outcome and age in iterations; each sums to 1.

    `chances` are the cells' densities.
    """
    drawn = chances * cells.counts
    names: dict[str, list[str]] = {
        "source": [SOURCES[code] for code in cells.sources],
        "task": [tasks[code] for code in cells.tasks],
        "outcome": [OUTCOMES[code] for code in cells.outcomes],
        "age": [str(iteration - made) for made in cells.iterations],
    }
    shares: dict[str, dict[str, float]] = {kind: {} for kind in names}
    for kind, keys in names.items():
        for key, share in zip(keys, drawn.tolist(), strict=True):
            if share > 0:
                shares[kind][key] = shares[kind].get(key, 0.0) + share
    ages = {age: shares["age"][age] for age in sorted(shares["age"], key=int)}
    return {kind: dict(sorted(some.items())) for kind, some in shares.items() if kind != "age"} | {"age": ages}


def _factors(mixture: Mixture, cells: Cells, num_tasks: int, iteration: int) -> Shares:
    """[C]: of outcome and age; relative to the youngest of the source and task, so that old data keeps its share."""
    weights: Shares = np.array([mixture.outcomes.get(name, 1.0) for name in OUTCOMES])[cells.outcomes]
    if mixture.half_life_iterations is None:
        return weights
    ages = (iteration - cells.iterations).astype(np.float64)
    pairs = cells.sources * num_tasks + cells.tasks
    youngest = np.full(len(SOURCES) * num_tasks, np.inf)
    counted = (weights > 0) & (cells.counts > 0)
    np.minimum.at(youngest, pairs[counted], ages[counted])
    relative = np.where(counted, ages - youngest[pairs], 0.0)
    return weights * np.power(0.5, relative / mixture.half_life_iterations)


def _pair_shares(mixture: Mixture, present: NDArray[np.bool_], tasks: Sequence[str]) -> Shares:
    """[sources, tasks]: each pair's share of a batch; 0 where there is nothing."""
    of_tasks = np.array([mixture.tasks.get(task, 1.0) for task in tasks]) * present
    sums = of_tasks.sum(axis=1, keepdims=True)
    of_sources = np.array([mixture.sources.get(name, 0.0) for name in SOURCES]) * (sums[:, 0] > 0)
    if not of_sources.sum() > 0:
        asked = ", ".join(name for name, weight in mixture.sources.items() if weight > 0)
        raise EpisodeError(f"no transitions to train on: the mixture asks for {asked}, and none with a weight is there")
    within = np.divide(of_tasks, sums, out=np.zeros_like(of_tasks), where=sums > 0)
    return np.asarray((of_sources / of_sources.sum())[:, None] * within)
