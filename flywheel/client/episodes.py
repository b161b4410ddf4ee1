"""Episodes: find them, look at one, see what it was judged to be and what it went into."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from flywheel.client.wire import Wire


@dataclass(frozen=True, kw_only=True)
class Episode:
    """An episode without its arrays."""

    episode_id: str
    task: str
    scene: str
    source: str
    """demonstration, collection, evaluation, final or upload."""
    iteration: int
    behaviour_policy: str
    seed: int
    initial_state: str
    outcome: str
    """success, failure, unscored or error."""
    num_decisions: int
    time_to_success_s: float | None = None
    error: str | None = None
    """Why it crashed."""


@dataclass(frozen=True, kw_only=True)
class Label:
    """What an episode is worth under one task, as one labeler saw it."""

    task: str
    labeler: str
    labeler_version: int
    success: bool | None
    """None: unknown, which is not failure."""
    terminated: bool
    num_decisions: int
    """Under this task it ends after so many."""
    total_reward: float


@dataclass(frozen=True, kw_only=True)
class EpisodeDetail(Episode):
    """An episode, its labels, and the shapes of its arrays."""

    decision_s: float
    """Simulated seconds between decisions."""
    terminated: bool
    truncated: bool
    actions: tuple[int, ...]
    """Shape [T, A]."""
    observations: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Modality -> shape [T + 1, D]."""
    facts: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """What relabelling needs -> shape [T, R, F]."""
    labels: tuple[Label, ...] = ()


@dataclass(frozen=True, kw_only=True)
class EpisodeLineage:
    """Which policy versions an episode went into."""

    episode_id: str
    trained: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    """Versions whose data held it and whose recalls left it out."""
    unknown: tuple[str, ...] = ()
    """Versions whose data cannot be read any more."""
    recalled_by: tuple[int, ...] = ()
    """Recalls that keep it out of later training."""


class Episodes:
    """`/v1/episodes`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def get(self, episode_id: str) -> EpisodeDetail:
        return self._wire.get(EpisodeDetail, "episodes", episode_id)

    def all(
        self,
        *,
        task: str | None = None,
        policy: str | None = None,
        outcome: str | None = None,
        source: str | None = None,
        iteration: int | None = None,
    ) -> Iterator[Episode]:
        """Those of later iterations first. `policy`: only made by this version."""
        wanted = {"task": task, "policy": policy, "outcome": outcome, "source": source, "iteration": iteration}
        return self._wire.pages(Episode, "episodes", params=wanted)

    def lineage(self, episode_id: str) -> EpisodeLineage:
        """Looks into the data of each version: it may take a while."""
        return self._wire.get(EpisodeLineage, "episodes", episode_id, "lineage")
