"""Any Gymnasium environment whose observations and actions are numbers."""

import hashlib
import re
from typing import Any, TypeAlias

import gymnasium
import mujoco
import numpy as np
from gymnasium import spaces

from flywheel.config import GymSuite
from flywheel.core.contract import Body, Modality
from flywheel.core.environment import Observation, Transition
from flywheel.core.episode import Floats
from flywheel.core.errors import ConfigError, EnvironmentFailure
from flywheel.core.task import Recorded, Task
from flywheel.environments.simulator import Camera, Frame, View

Simulation: TypeAlias = gymnasium.Env[Any, Any]


def open_simulation(name: str, *, render: bool) -> Simulation:
    """The environment of a Gymnasium id, without its time limit. ConfigError: it cannot be made."""
    settings = {"render_mode": "rgb_array"} if render else {}
    try:
        return gymnasium.make(name, max_episode_steps=-1, disable_env_checker=True, **settings)
    except (gymnasium.error.Error, ImportError) as failure:
        raise ConfigError(f"{name}: Gymnasium cannot make it: {failure}") from failure


def step_seconds(simulation: Simulation) -> float:
    """Simulated seconds of one environment step; 1 where the environment does not know."""
    for name in ("dt", "tau"):
        value = getattr(simulation.unwrapped, name, None)
        if isinstance(value, int | float):
            return float(value)
    return 1.0 / (simulation.metadata.get("render_fps") or 1.0)


def digest_of(observation: Observation) -> str:
    """sha256 of the first observation, where a simulator's state has no common form."""
    parts = [name.encode() + observation[name].tobytes() for name in sorted(observation)]
    return hashlib.sha256(b"".join(parts)).hexdigest()


class Film:
    """Pictures of a Gymnasium environment: by our own camera where it runs on MuJoCo, otherwise by its own."""

    def __init__(self, simulation: Simulation, name: str, view: View | None = None) -> None:
        self._simulation = simulation
        self._name = name
        self._physics = _physics(simulation)
        self._camera = None if self._physics is None else Camera(self._physics.model, view)

    def frame(self) -> Frame:
        """ConfigError: the environment has no pictures, or a package that draws them is missing."""
        if self._camera is not None and self._physics is not None:
            return self._camera.frame(self._physics.data)
        try:
            frame: Any = self._simulation.render()
        except gymnasium.error.DependencyNotInstalled as failure:
            raise ConfigError(f"{self._name}: cannot draw itself: {failure}") from failure
        if not isinstance(frame, np.ndarray):
            raise ConfigError(f"{self._name}: has no pictures")
        return np.ascontiguousarray(frame, np.uint8)

    def close(self) -> None:
        if self._camera is not None:
            self._camera.close()


def _physics(simulation: Simulation) -> Any | None:
    """What holds the MuJoCo model and data: the environment, or the robot inside a maze."""
    outer = simulation.unwrapped
    for holder in (outer, getattr(outer, "point_env", None), getattr(outer, "ant_env", None)):
        if isinstance(getattr(holder, "model", None), mujoco.MjModel):
            return holder
    return None


def family(name: str) -> str:
    """What modality names of an id begin with: its letters, so that unrelated environments share none."""
    letters = re.match(r"[A-Za-z]+", name)
    return letters.group().lower() if letters else name.lower()


class ActionMap:
    """Actions in [-1, 1] -> those of an action space."""

    def __init__(self, space: spaces.Space[Any], name: str) -> None:
        """ConfigError: neither a bounded Box nor Discrete."""
        self._space: Any = space
        if not isinstance(space, spaces.Discrete | spaces.Box):
            raise ConfigError(f"{name}: {type(space).__name__} actions; only Box and Discrete ones are supported")
        if isinstance(space, spaces.Box) and not space.is_bounded("both"):
            raise ConfigError(f"{name}: its actions are unbounded, so [-1, 1] has no scale there")
        self.size = 1 if isinstance(space, spaces.Discrete) else int(np.prod(space.shape))

    def __call__(self, action: Floats) -> Any:
        """Box: linearly between its bounds. Discrete: [-1, 1] is cut into n equal cells."""
        if isinstance(self._space, spaces.Discrete):
            num_cells = int(self._space.n)
            return int(self._space.start) + min(int((float(action[0]) + 1) / 2 * num_cells), num_cells - 1)
        box = self._space
        assert isinstance(box, spaces.Box)
        share = (np.clip(action, -1.0, 1.0).reshape(box.shape) + 1.0) / 2.0
        return (box.low + share * (box.high - box.low)).astype(box.dtype)


def action_size(name: str) -> int:
    """A of a Gymnasium id. ConfigError: it cannot be made, or its actions are not numbers."""
    simulation = open_simulation(name, render=False)
    try:
        return ActionMap(simulation.action_space, name).size
    finally:
        simulation.close()  # type: ignore[no-untyped-call]


def known_tasks() -> tuple[str, ...]:
    """Every registered Gymnasium id."""
    return tuple(gymnasium.registry)


def task_of(settings: GymSuite, name: str) -> Task:
    """Does not ask whether the id exists."""
    return Task(name=f"gym/{name}", scene=f"gym/{name}", instruction=name, rule=Recorded(), sparse=settings.sparse)


def environment_of(settings: GymSuite, name: str, *, render: bool) -> "GymEnvironment":
    """ConfigError: unknown id, or spaces that are not numbers."""
    return GymEnvironment(
        task=task_of(settings, name),
        name=name,
        max_decisions=settings.max_decisions,
        action_repeat=settings.action_repeat,
        success_key=settings.success_key,
        render=render,
    )


def action_size_of(name: str) -> int:
    """A. ConfigError: unknown id, or actions that are not numbers."""
    return action_size(name)


class GymEnvironment:
    """One Gymnasium id behind `core.environment.Environment`."""

    def __init__(
        self,
        *,
        task: Task,
        name: str,
        max_decisions: int,
        action_repeat: int = 1,
        success_key: str = "is_success",
        render: bool = False,
    ) -> None:
        """`success_key`: key of `info`, or "terminated". ConfigError: unknown id, or spaces that are not numbers."""
        self.task = task
        self.max_decisions = max_decisions
        self._action_repeat = action_repeat
        self._success_key = success_key
        self._simulation = open_simulation(name, render=render)
        self._parts = _parts(self._simulation.observation_space, name)
        self._actions = ActionMap(self._simulation.action_space, name)
        self.body = Body(
            modalities={part: Modality(width=int(np.prod(box.shape))) for part, (_, box) in self._parts.items()},
            differences={},
            action_size=self._actions.size,
            decision_s=step_seconds(self._simulation) * action_repeat,
        )
        self._film = Film(self._simulation, name) if render else None
        self._first: Observation = {}
        self._decisions = 0

    def reset(self, seed: int) -> Observation:
        observation, _ = self._simulation.reset(seed=seed)
        self._first = self._split(observation)
        self._decisions = 0
        return self._first

    def initial_state(self) -> str:
        return digest_of(self._first)

    def step(self, action: Floats) -> Transition:
        """Applies the action `action_repeat` times, or until the environment ends the episode."""
        self._decisions += 1
        reward, successes = 0.0, []
        for _ in range(self._action_repeat):
            observation, step_reward, terminated, truncated, info = self._simulation.step(self._actions(action))
            reward += float(step_reward)
            successes.append(self._success(terminated, info))
            if terminated or truncated:
                break
        if truncated and not terminated and self._decisions < self.max_decisions:
            raise EnvironmentFailure(
                f"{self.task.name} ends its episodes after {self._decisions} decisions: set max_decisions to that"
            )
        known = [success for success in successes if success is not None]
        success = any(known) if known else None
        return Transition(
            observation=self._split(observation),
            reward=reward,
            success=success,
            terminated=bool(terminated) or (self.task.sparse and bool(success)),
            facts={},
        )

    def frame(self) -> Frame:
        """Needs `render=True`."""
        if self._film is None:
            raise ConfigError(f"{self.task.name}: made without render=True")
        return self._film.frame()

    def close(self) -> None:
        if self._film is not None:
            self._film.close()
        self._simulation.close()  # type: ignore[no-untyped-call]

    def _success(self, terminated: bool, info: dict[str, Any]) -> bool | None:
        if self._success_key == "terminated":
            return bool(terminated)
        return bool(info[self._success_key]) if self._success_key in info else None

    def _split(self, observation: Any) -> Observation:
        return {
            part: np.asarray(observation if key is None else observation[key], np.float32).ravel()
            for part, (key, _) in self._parts.items()
        }


def _parts(space: spaces.Space[Any], name: str) -> dict[str, tuple[str | None, spaces.Box]]:
    """Modality -> (key in a Dict observation, its space)."""
    if isinstance(space, spaces.Box):
        return {f"{family(name)}_observation": (None, space)}
    if isinstance(space, spaces.Dict):
        boxes = {key: box for key, box in space.spaces.items() if isinstance(box, spaces.Box)}
        if len(boxes) == len(space.spaces):
            return {f"{family(name)}_{key}": (key, box) for key, box in boxes.items()}
    raise ConfigError(f"{name}: {type(space).__name__} observations; only Box and Dict of Box ones are supported")
