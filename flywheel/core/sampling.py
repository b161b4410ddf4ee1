"""Samplers: batch after batch by a mixture, each a function of the seed, its number and the worker's rank."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from flywheel.core.mixture import Mixture, densities, effective_shares
from flywheel.core.pools import Pools
from flywheel.core.transition import TransitionBatch, Transitions


class Sampler(Protocol):
    """Draws with replacement: a source by its weight, one of its tasks, then a transition by its outcome and age."""

    @property
    def shares(self) -> Mapping[str, Any]:
        """What batches hold on average: by source, task, outcome and age in iterations."""
        ...

    def statistics(self) -> Transitions:
        """What to take the observations' mean and spread from; the same for every rank."""
        ...

    def batch(self, number: int) -> TransitionBatch:
        """The same number, the same batch, whatever was asked for before."""
        ...


class MemorySampler:
    """All transitions in memory."""

    def __init__(
        self,
        *,
        transitions: Transitions,
        mixture: Mixture,
        iteration: int,
        seed: int,
        batch_size: int,
        rank: int = 0,
    ) -> None:
        """`iteration`: the one that trains, for ages. EpisodeError: the mixture gives nothing a weight."""
        self._transitions, self._seed, self._rank, self._batch_size = transitions, seed, rank, batch_size
        tasks = transitions.contract.tasks
        cells, cell = transitions.cells()
        chances = densities(mixture, cells, tasks=tasks, iteration=iteration)
        self.shares: Mapping[str, Any] = effective_shares(cells, chances, tasks=tasks, iteration=iteration)
        # Cells that the mixture does not tell apart are one pool.
        alike, pool = np.unique(
            np.stack([cells.sources, cells.tasks, chances]).astype(np.float64), axis=1, return_inverse=True
        )
        weights = np.bincount(pool, weights=chances * cells.counts, minlength=alike.shape[1]).astype(np.float64)
        self._pools = Pools(members=np.arange(transitions.num_transitions), pools=pool[cell], weights=weights)

    def statistics(self) -> Transitions:
        return self._transitions

    def batch(self, number: int) -> TransitionBatch:
        rng = np.random.default_rng((self._seed, number, self._rank))
        return self._transitions.batch(self._pools.draw(rng, self._batch_size))
