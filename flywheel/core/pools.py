"""Pools: members drawn in two steps, a pool by its weight, then one of its members uniformly."""

import numpy as np

from flywheel.core.mixture import Indices, Shares


class Pools:
    """Draws with replacement. A draw costs the same however many members there are."""

    def __init__(self, *, members: Indices, pools: Indices, weights: Shares) -> None:
        """`members` [M] with the pool of each in `pools` [M]; `weights` [N] of the pools. Empty ones must weigh 0."""
        self._order = members[np.argsort(pools, kind="stable")]
        self._sizes = np.bincount(pools, minlength=len(weights)).astype(np.int64)
        self._starts = np.cumsum(self._sizes) - self._sizes
        chances = np.cumsum(weights)
        self._chances = chances / chances[-1]

    @property
    def num_bytes(self) -> int:
        return sum(array.nbytes for array in (self._order, self._sizes, self._starts, self._chances))

    def draw(self, rng: np.random.Generator, size: int) -> Indices:
        """[size] members."""
        chosen = np.searchsorted(self._chances, rng.random(size), side="right")
        sizes = self._sizes[chosen]
        within = np.minimum((rng.random(size) * sizes).astype(np.int64), sizes - 1)
        return np.asarray(self._order[self._starts[chosen] + within], np.int64)
