"""Episodes: find them, look at one, see what it was judged to be and what it went into."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from time import monotonic, sleep

from flywheel.client.answers import understood
from flywheel.client.wire import Wire
from flywheel.core.errors import WaitTimeoutError

PATIENCE_S = 300.0
POLL_S = 1.0
ACCEPTED = 202


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
    has_video: bool = False
    """Asking for one that was not made makes it."""


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


@dataclass(frozen=True, kw_only=True)
class Filming:
    """How far a video is that is not there yet."""

    state: str
    """queued or rendering."""
    done: int
    """Frames."""
    total: int
    """Frames; 0: not known yet."""


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
        at: str | None = None,
        outcome: str | None = None,
        source: str | None = None,
        iteration: int | None = None,
    ) -> Iterator[Episode]:
        """Those of later iterations first.

        `policy`: only made by this version, or by the one that was `live` or the newest `candidate` at a time.
        """
        wanted = {
            "task": task,
            "policy": policy,
            "at": at,
            "outcome": outcome,
            "source": source,
            "iteration": iteration,
        }
        return self._wire.pages(Episode, "episodes", params=wanted)

    def lineage(self, episode_id: str) -> EpisodeLineage:
        """Looks into the data of each version: it may take a while."""
        return self._wire.get(EpisodeLineage, "episodes", episode_id, "lineage")

    def video(
        self, episode_id: str, *, timeout_s: float = PATIENCE_S, heard: Callable[[Filming], None] | None = None
    ) -> bytes:
        """MP4. Waits while it is made, and tells `heard` how far it is.

        WaitTimeoutError: it is not there after `timeout_s`. ApiConflictError: the episode cannot be replayed as it was
        recorded. ApiError 501: the service's machine cannot render.
        """
        deadline = monotonic() + timeout_s
        while True:
            # Through the service: its object storage may not be reachable from here.
            answer = self._wire.fetch("episodes", episode_id, "video", params={"redirect": False})
            if answer.status_code != ACCEPTED:
                return answer.content
            filming = understood(answer.content, Filming, of=answer)
            if heard is not None:
                heard(filming)
            left_s = deadline - monotonic()
            if left_s <= 0:
                raise WaitTimeoutError(
                    f"the video of {episode_id} is {filming.state} after {timeout_s:g} s; it goes on"
                )
            sleep(min(POLL_S, left_s))
