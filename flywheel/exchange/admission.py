"""Admission: an episode of a file is checked against the task and its body before it may enter the table."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from typing import Any

import numpy as np

from flywheel.core.contract import Body
from flywheel.core.episode import Episode, Source
from flywheel.core.errors import EpisodeError
from flywheel.core.task import Task, judges, relabel
from flywheel.exchange.found import Found, Take, floats, rows, taken

UNKNOWN_SEED = -1
UPLOADED = "upload"
"""The behaviour policy of an upload, and what comes before the name that its file gives: policies of another flywheel
may have the names of ours."""
RATE_TOLERANCE = 0.01
"""Relative difference of `decision_s` that rounding explains."""


@dataclass(frozen=True, kw_only=True)
class Admission:
    """What makes an episode of what a file says."""

    tasks: Mapping[str, Task]
    body_of: Callable[[str], Body]
    """Task name -> body. Asked once per task."""
    iteration: int
    """The first that can learn from it."""
    task: str | None = None
    """Of all episodes; None: each says its own."""
    takes: Sequence[Take] = ()

    def episode(self, found: Found) -> Episode:
        """EpisodeError says where and what is wrong. The same content gives the same id."""
        task = self._task(found)
        body = self._body(task.name)
        _check_rate(found, body)
        if found.rewards is None and not task.sparse:
            raise EpisodeError(f"{found.origin}: rewards: missing, and {task.name} is learned from them")
        episode = self._made(found, task, body)
        self._check_labels(episode, found.origin)
        return replace(episode, episode_id=f"{UPLOADED}-{task.name.replace('/', '.')}-{content_digest(episode)[:24]}")

    def _task(self, found: Found) -> Task:
        name = self.task or found.task
        known = ", ".join(self.tasks)
        if name is None:
            raise EpisodeError(f"{found.origin}: says no task; give --task, one of {known}")
        if name not in self.tasks:
            told = [task for task in self.tasks.values() if task.instruction == name]
            if len(told) == 1:
                return told[0]
            raise EpisodeError(f"{found.origin}: the store has no task {name}; it has {known}. Say which with --task")
        return self.tasks[name]

    def _body(self, task: str) -> Body:
        if task not in self._bodies:
            self._bodies[task] = self.body_of(task)
        return self._bodies[task]

    @cached_property
    def _bodies(self) -> dict[str, Body]:
        return {}

    def _made(self, found: Found, task: Task, body: Body) -> Episode:
        observations = {
            name: floats(values) for name, values in taken(found, self.takes, tuple(body.modalities)).items()
        }
        for name, values in observations.items():
            _check_width(found.origin, f"observations.{name}", values.shape[1:], body.modalities[name].width)
        actions = floats(rows(found.actions))
        _check_width(found.origin, "actions", actions.shape[1:], body.action_size)
        _check_range(found.origin, actions)
        length = len(actions)
        unknown = np.zeros(length, np.float32)
        policy = found.behaviour_policy or UPLOADED
        return Episode(
            episode_id=found.origin,
            task=task.name,
            scene=task.scene,
            source=Source.UPLOAD,
            iteration=self.iteration,
            behaviour_policy=policy if policy.startswith(UPLOADED) else f"{UPLOADED}:{policy}",
            seed=UNKNOWN_SEED if found.seed is None else found.seed,
            initial_state=found.initial_state or "",
            decision_s=body.decision_s if found.decision_s is None else found.decision_s,
            observations=observations,
            actions=actions,
            rewards=unknown if found.rewards is None else floats(found.rewards),
            successes=unknown.astype(np.bool_) if found.successes is None else np.asarray(found.successes, np.bool_),
            facts={name: floats(values) for name, values in found.facts.items()},
            scored=found.successes is not None,
            terminated=found.terminated,
            truncated=not found.terminated,
        )

    def _check_labels(self, episode: Episode, origin: str) -> None:
        """What cannot be labelled would stop the iteration that tries."""
        for task in self.tasks.values():
            if judges(task, episode):
                try:
                    relabel(episode, task)
                except ValueError as failure:
                    raise EpisodeError(f"{origin}: facts: {task.name} cannot judge them: {failure}") from failure


def content_digest(episode: Episode) -> str:
    """sha256 of everything but id, source and iteration."""
    said = (
        episode.task,
        episode.behaviour_policy,
        episode.seed,
        episode.initial_state,
        episode.decision_s,
        episode.scored,
        episode.terminated,
        episode.truncated,
    )
    digest = sha256(repr(said).encode())
    arrays: dict[str, Any] = {
        "actions": episode.actions,
        "rewards": episode.rewards,
        "successes": episode.successes,
        **{f"observations.{name}": values for name, values in episode.observations.items()},
        **{f"facts.{name}": values for name, values in sorted(episode.facts.items())},
    }
    for name, values in arrays.items():
        digest.update(f"{name}{values.shape}".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()


def _check_width(origin: str, name: str, shape: tuple[int, ...], width: int) -> None:
    if shape != (width,):
        given = " x ".join(map(str, shape)) or "none"
        raise EpisodeError(f"{origin}: {name}: width {given}, the task's is {width}")


def _check_range(origin: str, actions: Any) -> None:
    # NaN is within no range, and an episode says so better.
    outside = np.argwhere(np.abs(actions) > 1)
    if len(outside):
        row, column = (int(index) for index in outside[0])
        raise EpisodeError(
            f"{origin}: actions: {actions[row, column]:g} at decision {row}, dimension {column} is outside [-1, 1]: "
            "scale them to the task's range first"
        )


def _check_rate(found: Found, body: Body) -> None:
    if found.decision_s is not None and abs(found.decision_s - body.decision_s) > RATE_TOLERANCE * body.decision_s:
        raise EpisodeError(
            f"{found.origin}: decision_s: {found.decision_s:g} s between two decisions, the task's is "
            f"{body.decision_s:g} s: resample the episodes first"
        )
