"""Episode: one run of a policy from reset to end, with its provenance."""

from collections.abc import Mapping
from dataclasses import InitVar, dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from flywheel.core.errors import EpisodeError

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]


class Source(StrEnum):
    """Why an episode was made."""

    DEMONSTRATION = "demonstration"
    COLLECTION = "collection"
    EVALUATION = "evaluation"
    FINAL = "final"
    UPLOAD = "upload"
    """Imported from files."""


class Outcome(StrEnum):
    """How an episode ended. Only successes and failures count in a success rate."""

    SUCCESS = "success"
    FAILURE = "failure"
    UNSCORED = "unscored"
    ERROR = "error"


@dataclass(frozen=True, kw_only=True)
class EpisodeRequest:
    """An episode to be made. The same request makes the same episode."""

    task: str
    seed: int
    iteration: int
    source: Source
    policy_id: str | None = None
    """Who is asked to act; None: the task's demonstrator."""

    @property
    def episode_id(self) -> str:
        """Unique in a store: derived from what is asked for, never from the clock."""
        who = self.policy_id or "demonstrator"
        return f"{self.iteration:04d}-{self.source}-{who}-{self.task.replace('/', '.')}-{self.seed}"


@dataclass(frozen=True, kw_only=True)
class Episode:
    """T decisions and the T+1 observations around them.

    An episode checks itself when it is made: `EpisodeError` names the array that is wrong. One that crashed keeps
    what came before the crash (T may be 0) and says why in `error`.
    """

    episode_id: str
    task: str
    scene: str
    source: Source
    iteration: int
    behaviour_policy: str
    seed: int
    initial_state: str
    """Digest of the simulator's state right after reset."""
    decision_s: float
    """Simulated seconds between two decisions."""
    observations: Mapping[str, Floats]
    """Modality name -> [T+1, D]."""
    actions: Floats
    """[T, A], each in [-1, 1]."""
    rewards: Floats
    """[T], as the environment reported them."""
    successes: Bools
    """[T], true where the environment reported success after that decision."""
    facts: Mapping[str, Floats]
    """What relabelling needs, name -> [T, R, F]: after each of the R environment steps of a decision."""
    scored: bool
    """Whether the environment reports success at all."""
    terminated: bool
    truncated: bool
    error: str | None = None
    finite: InitVar[bool] = False
    """Whether the maker knows that no number is NaN or infinite: looking at many episodes at once costs less."""

    def __post_init__(self, finite: bool) -> None:
        num_decisions = len(self.actions)
        if self.error is None and num_decisions == 0:
            self._refuse("actions", "an episode has at least one decision")
        if self.terminated and self.truncated:
            self._refuse("terminated", "an episode is terminated or truncated, not both")
        self._check_shape("actions", self.actions, num_decisions, rank=2)
        self._check_shape("rewards", self.rewards, num_decisions, rank=1)
        self._check_shape("successes", self.successes, num_decisions, rank=1)
        for name, values in self.observations.items():
            self._check_shape(f"observations.{name}", values, num_decisions + 1, rank=2)
        for name, values in self.facts.items():
            self._check_shape(f"facts.{name}", values, num_decisions, rank=3)
        if not finite:
            self._check_numbers()

    @property
    def num_decisions(self) -> int:
        """T."""
        return len(self.actions)

    @property
    def outcome(self) -> Outcome:
        """Under the episode's own task, as the environment reported it."""
        if self.error is not None:
            return Outcome.ERROR
        if not self.scored:
            return Outcome.UNSCORED
        return Outcome.SUCCESS if bool(self.successes.any()) else Outcome.FAILURE

    @property
    def time_to_success_s(self) -> float | None:
        """Simulated seconds until the first success; None where there was none."""
        if self.outcome is not Outcome.SUCCESS:
            return None
        return float(np.argmax(self.successes) + 1) * self.decision_s

    def _check_shape(self, name: str, values: NDArray[np.generic], length: int, *, rank: int) -> None:
        if values.ndim != rank or len(values) != length:
            self._refuse(name, f"shape {list(values.shape)} does not fit {[length, *[None] * (rank - 1)]}")

    def _check_numbers(self) -> None:
        numbers = {"actions": self.actions, "rewards": self.rewards}
        numbers |= {f"observations.{name}": values for name, values in self.observations.items()}
        numbers |= {f"facts.{name}": values for name, values in self.facts.items()}
        for name, values in numbers.items():
            if not np.isfinite(values).all():
                self._refuse(name, "holds NaN or infinite values")

    def _refuse(self, name: str, reason: str) -> None:
        raise EpisodeError(f"episode {self.episode_id}: {name}: {reason}")


@dataclass(frozen=True, kw_only=True)
class EpisodeSummary:
    """An episode without its arrays."""

    episode_id: str
    task: str
    scene: str
    source: Source
    iteration: int
    behaviour_policy: str
    seed: int
    initial_state: str
    outcome: Outcome
    num_decisions: int
    time_to_success_s: float | None
    error: str | None
