"""OGBench manipulation (UR5e arm): a random initial state and one random target per episode."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ogbench.manipspace.envs.cube_env import CubeEnv
from ogbench.manipspace.envs.manipspace_env import ManipSpaceEnv
from ogbench.manipspace.envs.puzzle_env import PuzzleEnv
from ogbench.manipspace.envs.scene_env import SceneEnv

from flywheel.config import OgbenchSuite
from flywheel.core.contract import Body, Modality
from flywheel.core.environment import Observation, Transition
from flywheel.core.episode import Floats
from flywheel.core.errors import ConfigError
from flywheel.core.task import Recorded, Task, Within
from flywheel.environments.simulator import FRAME_PIXELS, Camera, Frame, View, digest, refuse_unstable

_KINDS: Mapping[str, type[ManipSpaceEnv]] = MappingProxyType({"cube": CubeEnv, "scene": SceneEnv, "puzzle": PuzzleEnv})

_TASKS: tuple[str, ...] = (
    *(f"cube-{size}" for size in ("single", "double", "triple", "quadruple", "octuple")),
    "scene",
    *(f"puzzle-{size}" for size in ("3x3", "4x4", "4x5", "4x6")),
)

TARGETS = ("cube", "button", "drawer", "window")
"""What an episode's target may be about; the order of the modality `target_task`."""

_RADIUS_M = 0.04
_ARM = ("joint_pos", "joint_vel", "effector_pos", "effector_yaw", "gripper_opening", "gripper_vel", "gripper_contact")
_OF_TARGET: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "cube": ("target_block_pos", "target_block_yaw"),
        "button": ("target_button_top_pos", "target_button_state"),
        "drawer": ("target_drawer_handle_pos",),
        "window": ("target_window_handle_pos",),
    }
)
_VIEW = View(look_at=(0.38, 0.0, 0.12), distance=1.15, azimuth=180.0, elevation=-32.0)


def ogbench_task(name: str) -> Task:
    """The task of OGBench's name, e.g. cube-single. ConfigError: there is none."""
    if name not in _TASKS:
        raise ConfigError(f"ogbench has no task {name}")
    rule = Within(point="target_block", target="target", radius_m=_RADIUS_M) if name.startswith("cube-") else Recorded()
    return Task(name=f"ogbench/{name}", scene=f"ogbench/{name}", instruction=name.replace("-", " "), rule=rule)


def known_tasks() -> tuple[str, ...]:
    """OGBench's names, e.g. cube-single."""
    return _TASKS


def task_of(settings: OgbenchSuite, name: str) -> Task:
    """ConfigError: no such task."""
    return ogbench_task(name)


def environment_of(settings: OgbenchSuite, name: str, *, render: bool) -> "OgbenchEnvironment":
    """ConfigError: no such task."""
    return OgbenchEnvironment(
        name=name, max_decisions=settings.max_decisions, action_repeat=settings.action_repeat, render=render
    )


def action_size_of(name: str) -> int:
    """A: three directions, a turn and the gripper."""
    return 5


class OgbenchEnvironment:
    """One OGBench task behind `core.environment.Environment`. Facts, cubes only: target_block and target, [R, 3] m."""

    def __init__(self, *, name: str, max_decisions: int, action_repeat: int = 1, render: bool = False) -> None:
        """ConfigError: no such task."""
        self.task = ogbench_task(name)
        self.max_decisions = max_decisions
        self._action_repeat = action_repeat
        kind, _, size = name.partition("-")
        self._simulation = _KINDS[kind](
            env_type=size or kind, mode="data_collection", width=FRAME_PIXELS, height=FRAME_PIXELS
        )
        _, info = self._simulation.reset(seed=0)
        self._targets = TARGETS if kind == "scene" else (info["privileged/target_task"],)
        example = self._split(info)
        self.body = Body(
            modalities={part: Modality(width=len(values)) for part, values in example.items()},
            differences=_differences(example),
            action_size=5,
            decision_s=float(self._simulation.control_timestep()) * action_repeat,
        )
        self._camera = Camera(self._simulation.model, _VIEW) if render else None
        self._first = example

    def reset(self, seed: int) -> Observation:
        _, info = self._simulation.reset(seed=seed)
        self._first = self._split(info)
        return self._first

    def initial_state(self) -> str:
        target = np.concatenate([values for part, values in self._first.items() if part.startswith("target")])
        return digest(self._simulation.model, self._simulation.data, target.astype(np.float64))

    def step(self, action: Floats) -> Transition:
        """Applies the action `action_repeat` times."""
        reward, success = 0.0, False
        blocks, targets = [], []
        for _ in range(self._action_repeat):
            _, step_reward, _, _, info = self._simulation.step(action)
            refuse_unstable(self._simulation.data)
            reward += float(step_reward)
            success = success or bool(info["success"])
            if isinstance(self.task.rule, Within):
                blocks.append(info[f"privileged/block_{info['privileged/target_block']}_pos"])
                targets.append(info["privileged/target_block_pos"])
        facts = {"target_block": blocks, "target": targets} if blocks else {}
        return Transition(
            observation=self._split(info),
            reward=reward,
            success=success,
            terminated=success,
            facts={name: np.asarray(rows, np.float32) for name, rows in facts.items()},
        )

    def frame(self) -> Frame:
        """Needs `render=True`."""
        if self._camera is None:
            raise ConfigError(f"{self.task.name}: made without render=True")
        return self._camera.frame(self._simulation.data)

    def close(self) -> None:
        if self._camera is not None:
            self._camera.close()
        self._simulation.close()

    def _split(self, info: Mapping[str, Any]) -> Observation:
        """OGBench's own names; angles as cosine and sine, choices as one-hot, buttons side by side."""
        known = {key.partition("/")[2]: value for key, value in info.items() if "/" in key}
        parts = {part: _vector(part, known[part]) for part in _ARM}
        for part, value in known.items():
            if part.startswith(("block_", "drawer_", "window_")):
                parts[part] = _vector(part, value)
        num_buttons = sum(part.startswith("button_") and part.endswith("_state") for part in known)
        if num_buttons:
            for what in ("state", "pos", "vel"):
                parts[f"button_{what}"] = np.array(
                    [np.float32(np.ravel(known[f"button_{number}_{what}"])[0]) for number in range(num_buttons)]
                )
        return parts | self._target(known, num_buttons)

    def _target(self, known: Mapping[str, Any], num_buttons: int) -> dict[str, Floats]:
        """What does not belong to the episode's target is 0: OGBench leaves earlier episodes' values there."""
        task = known["target_task"]
        parts: dict[str, Floats] = {}
        if len(self._targets) > 1:
            parts["target_task"] = _one_hot(TARGETS.index(task), len(TARGETS))
        for target in self._targets:
            for part in _OF_TARGET[target]:
                values = _vector(part, known[part])
                parts[part] = values if target == task else np.zeros_like(values)
        num_blocks = sum(part.startswith("block_") and part.endswith("_pos") for part in known)
        if num_blocks > 1:
            parts["target_block"] = _one_hot(known["target_block"], num_blocks)
        if num_buttons:
            chosen = _one_hot(known["target_button"], num_buttons)
            parts["target_button"] = chosen if task == "button" else np.zeros_like(chosen)
        return parts


def _vector(part: str, value: float | NDArray[np.float64]) -> Floats:
    """[D]."""
    values = np.ravel(value)
    if part.endswith("_yaw"):
        values = np.concatenate([np.cos(values), np.sin(values)])
    return values.astype(np.float32)


def _one_hot(index: int, size: int) -> Floats:
    values = np.zeros(size, np.float32)
    values[index] = 1.0
    return values


def _differences(example: Observation) -> dict[str, tuple[str, str]]:
    differences: dict[str, tuple[str, str]] = {}
    for part in example:
        if part.startswith("block_") and part.endswith("_pos"):
            block = part.removesuffix("_pos")
            differences[f"effector_to_{block}"] = (part, "effector_pos")
            differences[f"{block}_to_target"] = ("target_block_pos", part)
        if part in ("drawer_handle_pos", "window_handle_pos"):
            differences[f"effector_to_{part.removesuffix('_pos')}"] = (part, "effector_pos")
            differences[f"{part.removesuffix('_pos')}_to_target"] = (f"target_{part}", part)
        if part == "target_button_top_pos":
            differences["effector_to_target_button"] = (part, "effector_pos")
    return differences
