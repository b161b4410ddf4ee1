"""Task: what should be achieved; and the labels that a task gives to episodes."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from flywheel.core.episode import Bools, Episode, Floats, Source
from flywheel.core.errors import EpisodeError


@dataclass(frozen=True, kw_only=True)
class Label:
    """Rewards and success of one episode under one task, as one labeler saw it."""

    episode_id: str
    task: str
    labeler: str
    labeler_version: int
    rewards: Floats
    """[T'], T' <= T: under this task the episode ends after T' decisions."""
    terminated: bool
    """Whether the task ended it after T' decisions; otherwise what follows is bootstrapped."""
    success: bool | None
    """None: unknown, which is not failure."""


class SuccessRule(Protocol):
    """Says which decisions of an episode led to success."""

    @property
    def labeler(self) -> str: ...

    @property
    def labeler_version(self) -> int: ...

    @property
    def relabels(self) -> bool:
        """Whether the rule can judge episodes that were made for another task."""
        ...

    @property
    def needed_facts(self) -> tuple[str, ...]:
        """Names of the facts without which it cannot judge."""
        ...

    def successes(self, episode: Episode) -> Bools:
        """[T], true where the rule holds after that decision. EpisodeError: the episode lacks what the rule needs."""
        ...


@dataclass(frozen=True, kw_only=True)
class Within:
    """Success: two recorded points come within a radius of each other, at any environment step."""

    point: str
    target: str
    radius_m: float
    inclusive: bool = True
    """Whether a distance of exactly the radius counts."""
    labeler: str = "within"
    labeler_version: int = 1
    relabels: bool = True

    @property
    def needed_facts(self) -> tuple[str, ...]:
        return self.point, self.target

    def successes(self, episode: Episode) -> Bools:
        for name in self.needed_facts:
            if name not in episode.facts:
                raise EpisodeError(f"episode {episode.episode_id}: facts.{name}: missing, the success rule needs it")
        distances = np.linalg.norm(episode.facts[self.point] - episode.facts[self.target], axis=-1)
        close = distances <= self.radius_m if self.inclusive else distances < self.radius_m
        return np.asarray(close.any(axis=-1), dtype=np.bool_)


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """Success: what the environment itself reported; it says nothing about other tasks."""

    labeler: str = "recorded"
    labeler_version: int = 1
    relabels: bool = False
    needed_facts: tuple[str, ...] = ()

    def successes(self, episode: Episode) -> Bools:
        return episode.successes


@dataclass(frozen=True, kw_only=True)
class Task:
    """What should be achieved, and how one knows."""

    name: str
    scene: str
    """Tasks of one scene can label one another's episodes."""
    instruction: str
    rule: SuccessRule
    sparse: bool = True
    """Reward 1 at the first success, which ends the episode; otherwise the environment's own rewards and end."""


def can_relabel(task: Task, *, episode_task: str, episode_scene: str) -> bool:
    """Whether the task can judge an episode that was made for another task."""
    return episode_task == task.name or (task.rule.relabels and episode_scene == task.scene)


def judges(task: Task, episode: Episode) -> bool:
    """Whether the task gives the episode a label. Uploads may lack the facts that another task's rule needs."""
    if not can_relabel(task, episode_task=episode.task, episode_scene=episode.scene):
        return False
    return episode.task == task.name or _rule(task, episode) is task.rule


def relabel(episode: Episode, task: Task) -> Label:
    """What the episode is worth under the task. Pure: the same episode and task give the same label."""
    if not can_relabel(task, episode_task=episode.task, episode_scene=episode.scene):
        raise EpisodeError(f"episode {episode.episode_id}: task {task.name} cannot judge episodes of {episode.task}")
    own = episode.task == task.name
    rule = _rule(task, episode)
    if own and not episode.scored:
        successes, success = np.zeros(episode.num_decisions, np.bool_), None
    else:
        successes = rule.successes(episode)
        success = bool(successes.any())
    if task.sparse:
        length = int(np.argmax(successes)) + 1 if success else episode.num_decisions
        rewards = successes[:length].astype(np.float32)
        terminated = bool(success) or (own and episode.terminated)
    else:
        rewards, terminated = episode.rewards, episode.terminated
    return Label(
        episode_id=episode.episode_id,
        task=task.name,
        labeler=rule.labeler,
        labeler_version=rule.labeler_version,
        rewards=rewards,
        terminated=terminated,
        success=success,
    )


def _rule(task: Task, episode: Episode) -> SuccessRule:
    """Of an upload without the facts that the rule needs, only what its file reported is known."""
    lacking = [name for name in task.rule.needed_facts if name not in episode.facts]
    return Recorded() if lacking and episode.source is Source.UPLOAD else task.rule
