"""Statistics as LeRobot keeps them, per feature: of an episode, and of all episodes together."""

from collections.abc import Mapping, Sequence

import numpy as np

from flywheel.exchange.found import Array

QUANTILES = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}

Statistics = Mapping[str, Array]


def statistics_of(values: Array) -> dict[str, Array]:
    """Of one episode's feature, [T] or [T, D]: each [D], `count` [1]."""
    matrix = values.reshape(len(values), -1).astype(np.float64)
    quantiles = np.quantile(matrix, list(QUANTILES.values()), axis=0)
    return {
        "min": matrix.min(axis=0),
        "max": matrix.max(axis=0),
        "mean": matrix.mean(axis=0),
        "std": matrix.std(axis=0),
        "count": np.array([len(matrix)], np.int64),
        **dict(zip(QUANTILES, quantiles, strict=True)),
    }


class Gathered:
    """Statistics of all episodes so far, without holding them."""

    def __init__(self) -> None:
        self._sums: dict[str, Array] = {}
        self._least: Array | None = None
        self._greatest: Array | None = None
        self._count = 0

    def add(self, some: Statistics) -> None:
        """One episode's. Quantiles are averaged over the frames, as LeRobot itself does."""
        count = int(some["count"][0])
        self._count += count
        self._least = some["min"] if self._least is None else np.minimum(self._least, some["min"])
        self._greatest = some["max"] if self._greatest is None else np.maximum(self._greatest, some["max"])
        terms = {"mean": some["mean"], "square": some["std"] ** 2 + some["mean"] ** 2}
        for name, values in {**terms, **{name: some[name] for name in QUANTILES}}.items():
            self._sums[name] = self._sums.get(name, 0.0) + values * count

    def total(self) -> dict[str, Sequence[float]]:
        """As plain values. Var(x) = E[x^2] - E[x]^2."""
        means = {name: values / self._count for name, values in self._sums.items()}
        variance = np.maximum(means["square"] - means["mean"] ** 2, 0.0)
        assert self._least is not None
        assert self._greatest is not None
        return {
            "min": self._least.tolist(),
            "max": self._greatest.tolist(),
            "mean": means["mean"].tolist(),
            "std": np.sqrt(variance).tolist(),
            "count": [self._count],
            **{name: means[name].tolist() for name in QUANTILES},
        }
