"""Clusters: failures of one task that end alike. Nothing here knows what the task is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from flywheel.core.episode import Episode

MOST_CLUSTERS = 3
FEWEST = 4
"""Episodes that are worth telling apart."""
LEAST_SHARE = 0.05
"""Of all episodes that a cluster has, and at least two: fewer are no kind of failure."""
CLOUDS = 10
"""Clouds without clusters that episodes are compared with."""
NOISE = 0.01
"""Share of a quantity's size below which its differences mean nothing."""

TINY = float(np.finfo(np.float64).tiny)
Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Episodes that end alike."""

    medoid: str
    """Id of the one that is nearest to all others."""
    num_episodes: int


def clusters(episodes: Sequence[Episode]) -> list[Cluster]:
    """The largest first; one, where they do not fall apart into up to MOST_CLUSTERS. The same episodes, in any order,
    give the same clusters."""
    ordered = sorted(episodes, key=lambda episode: episode.episode_id)
    points = features(ordered)
    distances = _distances(points)
    found, best = _medoids(distances, 1), 0.0
    fewest = max(2, round(LEAST_SHARE * len(ordered)))
    for number in range(2, MOST_CLUSTERS + 1) if len(ordered) >= FEWEST else ():
        medoids, apart = _parted(distances, number)
        sizes = np.bincount(distances[:, medoids].argmin(1), minlength=number)
        if sizes.min() >= fewest and apart > max(best, _by_chance(points, number)):
            found, best = medoids, apart
    sizes = np.bincount(distances[:, found].argmin(1), minlength=len(found))
    made = [
        Cluster(medoid=ordered[medoid].episode_id, num_episodes=int(size))
        for medoid, size in zip(found, sizes, strict=True)
    ]
    return sorted(made, key=lambda cluster: (-cluster.num_episodes, cluster.medoid))


def features(episodes: Sequence[Episode]) -> Array:
    """[N, F], each quantity of about the same weight: what the episode changed of each modality, how far apart the
    facts of one width are at its end, and how much nearer they came."""
    columns = [_scaled(values, size) for values, size in _quantities(episodes)]
    return np.concatenate([*columns, np.zeros((len(episodes), 1))], axis=1)


def _quantities(episodes: Sequence[Episode]) -> Iterator[tuple[Array, float]]:
    """[N, D] each, and how large such a quantity is."""
    for name in sorted(episodes[0].observations):
        first = np.stack([episode.observations[name][0] for episode in episodes]).astype(np.float64)
        last = np.stack([episode.observations[name][-1] for episode in episodes]).astype(np.float64)
        yield last - first, float(np.sqrt(np.square(last).sum(1).mean()))
    for one, other in combinations(sorted(episodes[0].facts), 2):
        if episodes[0].facts[one].shape[2] == episodes[0].facts[other].shape[2]:
            apart = np.stack([_apart(episode, one, other) for episode in episodes])
            size = float(apart.mean())
            yield apart[:, 1:], size
            yield apart[:, 1:] - apart[:, :1], size


def _apart(episode: Episode, one: str, other: str) -> Array:
    """[2]: the distance of two facts after the first decision, and after the last."""
    away = episode.facts[one][[0, -1], -1] - episode.facts[other][[0, -1], -1]
    return np.asarray(np.linalg.norm(away.astype(np.float64), axis=1))


def _scaled(values: Array, size: float) -> Array:
    """Its parts keep their proportions, which are in one unit."""
    spread = float(np.sqrt(values.var(0).sum()))
    return np.asarray((values - values.mean(0)) / max(spread, NOISE * size, TINY))


def _distances(points: Array) -> Array:
    """[N, N]."""
    return np.asarray(np.linalg.norm(points[:, None] - points[None], axis=2))


def _medoids(distances: Array, number: int) -> list[int]:
    """PAM: the best next one, until there are enough; then the best exchange, until none helps."""
    chosen: list[int] = []
    for _ in range(number):
        nearest = distances[:, chosen].min(1, initial=np.inf)
        chosen.append(int(np.minimum(distances, nearest[:, None]).sum(0).argmin()))
    while True:
        options = [
            [*chosen[:place], other, *chosen[place + 1 :]]
            for place in range(number)
            for other in range(len(distances))
            if other not in chosen
        ]
        costs = [distances[:, some].min(1).sum() for some in options]
        if not costs or min(costs) >= distances[:, chosen].min(1).sum() - 1e-9:
            return chosen
        chosen = options[int(np.argmin(costs))]


def _parted(distances: Array, number: int) -> tuple[list[int], float]:
    """Medoids, and how far apart their clusters are: the mean silhouette."""
    medoids = _medoids(distances, number)
    return medoids, _silhouette(distances, distances[:, medoids].argmin(1))


def _by_chance(points: Array, number: int) -> float:
    """How far apart clusters may well seem to be in one Gaussian cloud of the points' shape: any cloud can be cut."""
    random = np.random.default_rng(number)
    # Points as combinations of the points themselves: their covariance, whatever their dimension.
    mixed = [
        random.normal(size=(len(points), len(points))) @ (points - points.mean(0)) / np.sqrt(len(points))
        for _ in range(CLOUDS)
    ]
    apart = [_parted(_distances(cloud), number)[1] for cloud in mixed]
    return float(np.mean(apart) + 2 * np.std(apart))


def _silhouette(distances: Array, mine: NDArray[np.intp]) -> float:
    """Mean over the episodes of how much nearer their own cluster is than the next, from -1 to 1."""
    sizes = np.bincount(mine)
    if len(sizes) < 2:
        return 0.0
    sums = np.stack([distances[:, mine == cluster].sum(1) for cluster in range(len(sizes))], axis=1)
    rows = np.arange(len(mine))
    own = sums[rows, mine] / np.maximum(sizes[mine] - 1, 1)
    others = sums / sizes
    others[rows, mine] = np.inf
    nearest = others.min(1)
    return float(((nearest - own) / np.maximum(np.maximum(nearest, own), TINY)).mean())
