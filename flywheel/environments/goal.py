"""Goal environments of Gymnasium-Robotics: Fetch, and others with achieved and desired goals."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, cast

import gymnasium_robotics
import numpy as np
from gymnasium import register_envs, registry, spaces
from numpy.typing import NDArray

from flywheel.config import GoalSuite
from flywheel.core.contract import Body, Modality
from flywheel.core.environment import Observation, Transition
from flywheel.core.episode import Floats
from flywheel.core.errors import ConfigError
from flywheel.core.task import Recorded, Task, Within
from flywheel.environments.gym import ActionMap, Film, action_size, digest_of, family, open_simulation, step_seconds
from flywheel.environments.simulator import Frame, View

register_envs(gymnasium_robotics)

_ARM = {
    "grip_position": slice(0, 3),
    "fingers": slice(3, 5),
    "grip_velocity": slice(5, 8),
    "finger_velocities": slice(8, 10),
}
_ARM_AND_BLOCK = {
    "grip_position": slice(0, 3),
    "block_position": slice(3, 6),
    "fingers": slice(9, 11),
    "block_rotation": slice(11, 14),
    "block_velocity": slice(14, 17),
    "block_spin": slice(17, 20),
    "grip_velocity": slice(20, 23),
    "finger_velocities": slice(23, 25),
}
"""Modality -> its place in Fetch's flat observation; places 6 to 9 repeat a difference of two others."""

_FETCH: Mapping[str, tuple[str, Mapping[str, slice]]] = MappingProxyType(
    {
        "fetchreach": ("fetch-reach", _ARM),
        "fetchpush": ("fetch-block", _ARM_AND_BLOCK),
        "fetchpickandplace": ("fetch-block", _ARM_AND_BLOCK),
        "fetchslide": ("fetch-slide", _ARM_AND_BLOCK),
    }
)
"""Family -> (scene, layout). Slide has another table and object. Push and pick-and-place differ in that push keeps the
gripper shut."""

_FETCH_RADIUS_M = 0.05
_FETCH_VIEW = View(look_at=(1.3, 0.75, 0.5), distance=1.5, azimuth=135.0, elevation=-24.0)


def goal_task(name: str) -> Task:
    """The task of a Gymnasium id."""
    fetch = _FETCH.get(kind_of(name))
    if fetch is None:
        return Task(name=f"goal/{name}", scene=f"goal/{name}", instruction=name, rule=Recorded())
    rule = Within(point="achieved_goal", target="desired_goal", radius_m=_FETCH_RADIUS_M, inclusive=False)
    return Task(name=f"goal/{name}", scene=fetch[0], instruction=kind_of(name), rule=rule)


def known_tasks() -> tuple[str, ...]:
    """Gymnasium ids of Gymnasium-Robotics; those that are no goal environments are refused when they are made."""
    return tuple(name for name, spec in registry.items() if str(spec.entry_point).startswith("gymnasium_robotics."))


def task_of(settings: GoalSuite, name: str) -> Task:
    """Does not ask whether the id exists."""
    return goal_task(name)


def environment_of(settings: GoalSuite, name: str, *, render: bool) -> "GoalEnvironment":
    """ConfigError: unknown id, or not a goal environment."""
    return GoalEnvironment(
        name=name, max_decisions=settings.max_decisions, action_repeat=settings.action_repeat, render=render
    )


def action_size_of(name: str) -> int:
    """A. ConfigError: unknown id, or actions that are not numbers."""
    return action_size(name)


def kind_of(name: str) -> str:
    """E.g. fetchpush, whatever the version and reward."""
    return family(name).removesuffix("dense")


class GoalEnvironment:
    """One goal environment behind `core.environment.Environment`. Facts: both goals, [R, G]."""

    def __init__(self, *, name: str, max_decisions: int, action_repeat: int = 1, render: bool = False) -> None:
        """ConfigError: unknown id, or not a goal environment."""
        self.task = goal_task(name)
        self.max_decisions = max_decisions
        self._action_repeat = action_repeat
        self._is_fetch = kind_of(name) in _FETCH
        self._simulation = open_simulation(name, render=render)
        space = self._simulation.observation_space
        widths = _widths(space, name)
        self._layout = dict(_FETCH[kind_of(name)][1]) if self._is_fetch else {f"{family(name)}_state": slice(None)}
        self._prefix = "" if self._is_fetch else f"{family(name)}_"
        self._actions = ActionMap(self._simulation.action_space, name)
        modalities = {
            part: Modality(width=len(range(*place.indices(widths["observation"]))))
            for part, place in self._layout.items()
        }
        for goal in ("achieved_goal", "desired_goal"):
            modalities[self._prefix + goal] = Modality(width=widths[goal])
        self.body = Body(
            modalities=modalities,
            differences=self._differences(),
            action_size=self._actions.size,
            decision_s=step_seconds(self._simulation) * action_repeat,
        )
        self._film = Film(self._simulation, name, _FETCH_VIEW if self._is_fetch else None) if render else None
        self._first: Observation = {}

    def reset(self, seed: int) -> Observation:
        observation, _ = self._simulation.reset(seed=seed)
        self._first = self._split(observation)
        return self._first

    def initial_state(self) -> str:
        return digest_of(self._first)

    def step(self, action: Floats) -> Transition:
        """Applies the action `action_repeat` times, or until the environment ends the episode."""
        reward, known = 0.0, []
        achieved, desired = [], []
        for _ in range(self._action_repeat):
            observation, step_reward, ended, _, info = self._simulation.step(self._actions(action))
            reward += float(step_reward)
            known += [bool(info[key]) for key in ("is_success", "success") if key in info]
            achieved.append(observation["achieved_goal"])
            desired.append(observation["desired_goal"])
            if ended:
                break
        success = any(known) if known else None
        return Transition(
            observation=self._split(observation),
            reward=reward,
            success=success,
            terminated=bool(ended) or bool(success),
            facts={
                "achieved_goal": _padded(achieved, self._action_repeat),
                "desired_goal": _padded(desired, self._action_repeat),
            },
        )

    def frame(self) -> Frame:
        """Needs `render=True`."""
        if self._film is None:
            raise ConfigError(f"{self.task.name}: made without render=True")
        if self._is_fetch:
            cast(Any, self._simulation.unwrapped)._render_callback()  # puts the goal's marker where the goal is
        return self._film.frame()

    def close(self) -> None:
        if self._film is not None:
            self._film.close()
        self._simulation.close()  # type: ignore[no-untyped-call]

    def _differences(self) -> dict[str, tuple[str, str]]:
        achieved, desired = self._prefix + "achieved_goal", self._prefix + "desired_goal"
        differences = {f"{self._prefix}achieved_to_desired": (desired, achieved)}
        if "block_position" in self._layout:
            differences["grip_to_block"] = ("block_position", "grip_position")
        return differences

    def _split(self, observation: Mapping[str, NDArray[np.float64]]) -> Observation:
        flat = observation["observation"]
        parts = {part: flat[place].astype(np.float32) for part, place in self._layout.items()}
        for goal in ("achieved_goal", "desired_goal"):
            parts[self._prefix + goal] = observation[goal].astype(np.float32)
        return parts


def _padded(rows: list[NDArray[np.float64]], num_rows: int) -> Floats:
    """[R, G]: the last row again where the environment ended the episode inside a decision."""
    return np.asarray(rows + rows[-1:] * (num_rows - len(rows)), np.float32)


def _widths(space: spaces.Space[Any], name: str) -> dict[str, int]:
    """Key of the observation -> D."""
    keys = ("observation", "achieved_goal", "desired_goal")
    if isinstance(space, spaces.Dict):
        boxes = {key: space.spaces.get(key) for key in keys}
        widths = {key: box.shape[0] for key, box in boxes.items() if isinstance(box, spaces.Box) and box.shape}
        if set(widths) == set(keys):
            return widths
    raise ConfigError(f"{name}: not a goal environment: it needs observation, achieved_goal and desired_goal vectors")
