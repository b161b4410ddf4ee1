"""Distribution: how many values lay up to each bound, and their sum: what a histogram shows."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate


class Distribution:
    """Values are added and never taken away. Whoever shares it between threads holds a lock."""

    def __init__(self, *, bounds: Sequence[float]) -> None:
        """`bounds`: rising upper bounds, without infinity."""
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self.total = 0.0
        """Sum of the values."""

    def add(self, value: float) -> None:
        """A value on a bound lies up to it."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self.total += value

    @property
    def buckets(self) -> list[tuple[str, float]]:
        """(Upper bound, values up to it), as Prometheus spells them; the last bound is infinity."""
        bounds = [*map(str, self._bounds), "+Inf"]
        return [(bound, float(count)) for bound, count in zip(bounds, accumulate(self._counts), strict=True)]
