"""Meta-World (Sawyer arm): any of its tasks, with the goal visible and an end at success."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import mujoco
import numpy as np
from metaworld.env_dict import ALL_V3_ENVIRONMENTS
from metaworld.sawyer_xyz_env import SawyerXYZEnv
from numpy.typing import NDArray

from flywheel.config import MetaworldSuite
from flywheel.core.contract import Body, Modality
from flywheel.core.environment import Observation, Transition
from flywheel.core.episode import Floats
from flywheel.core.errors import ConfigError
from flywheel.core.task import Recorded, Task, Within
from flywheel.environments.simulator import Camera, Frame, View, digest, refuse_unstable

LAYOUT: Mapping[str, slice] = MappingProxyType(
    {
        "hand": slice(0, 3),
        "gripper": slice(3, 4),
        "object_position": slice(4, 7),
        "object_rotation": slice(7, 11),
        "second_object_position": slice(11, 14),
        "second_object_rotation": slice(14, 18),
        "goal": slice(36, 39),
    }
)
"""Modality -> its place in Meta-World's flat observation [39]; places 18 to 36 repeat the observation before."""

WITH_SECOND_OBJECT = frozenset({"hammer-v3", "stick-push-v3", "stick-pull-v3"})

_DIFFERENCES = {
    "hand_to_object": ("object_position", "hand"),
    "object_to_goal": ("goal", "object_position"),
    "hand_to_goal": ("goal", "hand"),
}
_SECOND_DIFFERENCES = {
    "object_to_second_object": ("second_object_position", "object_position"),
    "second_object_to_goal": ("goal", "second_object_position"),
}

_VIEW = View(look_at=(0.0, 0.68, 0.12), distance=1.15, azimuth=145.0, elevation=-28.0)


@dataclass(frozen=True, kw_only=True)
class _Scene:
    """Tasks with the same bodies, whose success is the distance of a recorded point from the goal."""

    name: str
    points: Mapping[str, tuple[str, float]]
    """Task -> (fact, radius in m)."""


_SCENES = (
    _Scene(
        name="sawyer-tabletop",
        points={
            "reach-v3": ("tool_centre", 0.05),
            "push-v3": ("object_position", 0.05),
            "pick-place-v3": ("object_position", 0.07),
        },
    ),
    _Scene(
        name="sawyer-plate-slide",
        points={"plate-slide-v3": ("object_position", 0.07), "plate-slide-back-v3": ("object_position", 0.07)},
    ),
    _Scene(
        name="sawyer-plate-slide-sideway",
        points={
            "plate-slide-side-v3": ("object_position", 0.07),
            "plate-slide-back-side-v3": ("object_position", 0.07),
        },
    ),
)
"""Read off each task's `evaluate_state`. Tasks that share a model but measure another point, or along one axis only,
such as opening and closing a drawer, are left out: their goals do not mean the same."""


def metaworld_task(name: str) -> Task:
    """The task of Meta-World's name. ConfigError: there is none."""
    if name not in ALL_V3_ENVIRONMENTS:
        raise ConfigError(f"metaworld has no task {name}")
    instruction = name.removesuffix("-v3").replace("-", " ")
    for scene in _SCENES:
        if name in scene.points:
            point, radius_m = scene.points[name]
            rule = Within(point=point, target="goal", radius_m=radius_m)
            return Task(name=f"metaworld/{name}", scene=scene.name, instruction=instruction, rule=rule)
    return Task(name=f"metaworld/{name}", scene=f"metaworld/{name}", instruction=instruction, rule=Recorded())


def known_tasks() -> tuple[str, ...]:
    """Meta-World's names, e.g. reach-v3."""
    return tuple(ALL_V3_ENVIRONMENTS)


def task_of(settings: MetaworldSuite, name: str) -> Task:
    """ConfigError: no such task."""
    return metaworld_task(name)


def environment_of(settings: MetaworldSuite, name: str, *, render: bool) -> "MetaworldEnvironment":
    """ConfigError: no such task."""
    return MetaworldEnvironment(
        name=name, max_decisions=settings.max_decisions, action_repeat=settings.action_repeat, render=render
    )


def action_size_of(name: str) -> int:
    """A: three directions and the gripper."""
    return 4


class MetaworldEnvironment:
    """One Meta-World task behind `core.environment.Environment`."""

    def __init__(self, *, name: str, max_decisions: int, action_repeat: int = 2, render: bool = False) -> None:
        """`render`: whether `frame` will be asked for. ConfigError: no such task."""
        self.task = metaworld_task(name)
        self.max_decisions = max_decisions
        self._action_repeat = action_repeat
        self._simulation = _simulation(name)
        names = [part for part in LAYOUT if name in WITH_SECOND_OBJECT or not part.startswith("second")]
        self._layout = {part: LAYOUT[part] for part in names}
        self.body = Body(
            modalities={part: Modality(width=place.stop - place.start) for part, place in self._layout.items()},
            differences=_DIFFERENCES | (_SECOND_DIFFERENCES if name in WITH_SECOND_OBJECT else {}),
            action_size=4,
            decision_s=float(self._simulation.dt) * action_repeat,
        )
        self._body_positions = self._simulation.model.body_pos.copy()
        self._site_positions = self._simulation.model.site_pos.copy()
        self._camera = Camera(self._simulation.model, _VIEW) if render else None

    def reset(self, seed: int) -> Observation:
        simulation = self._simulation
        # Meta-World places bodies in the model and runs the simulator before it resets the data: without this, an
        # episode could depend on the one before it.
        simulation.model.body_pos[:] = self._body_positions
        simulation.model.site_pos[:] = self._site_positions
        mujoco.mj_resetData(simulation.model, simulation.data)
        simulation.seed(seed)
        observation, _ = simulation.reset()
        return self._split(observation)

    def initial_state(self) -> str:
        return digest(self._simulation.model, self._simulation.data, self._goal())

    def step(self, action: Floats) -> Transition:
        """Applies the action `action_repeat` times. Facts: [R, 3] m each."""
        reward, success = 0.0, False
        tool_centres, objects, goals = [], [], []
        for _ in range(self._action_repeat):
            observation, step_reward, _, _, info = self._simulation.step(action)
            refuse_unstable(self._simulation.data)
            reward += float(step_reward)
            success = success or bool(info["success"])
            tool_centres.append(self._simulation.tcp_center)
            objects.append(observation[LAYOUT["object_position"]])
            goals.append(self._goal())
        return Transition(
            observation=self._split(observation),
            reward=reward,
            success=success,
            terminated=success,
            facts={
                "tool_centre": np.asarray(tool_centres, np.float32),
                "object_position": np.asarray(objects, np.float32),
                "goal": np.asarray(goals, np.float32),
            },
        )

    def frame(self) -> Frame:
        """Needs `render=True`."""
        if self._camera is None:
            raise ConfigError(f"{self.task.name}: made without render=True")
        return self._camera.frame(self._simulation.data)

    def close(self) -> None:
        if self._camera is not None:
            self._camera.close()
        self._simulation.close()  # type: ignore[no-untyped-call]

    def _goal(self) -> NDArray[np.float64]:
        return np.array(self._simulation._target_pos, np.float64)

    def _split(self, observation: NDArray[np.float64]) -> Observation:
        return {part: observation[place].astype(np.float32) for part, place in self._layout.items()}


def _simulation(name: str) -> SawyerXYZEnv:
    """Draws a new initial state and goal at each reset from the seed last given to `seed()`, and shows the goal."""
    simulation = ALL_V3_ENVIRONMENTS[name]()
    simulation.seeded_rand_vec = True
    simulation._freeze_rand_vec = False
    simulation._set_task_called = True
    simulation._partially_observable = False
    # Its bounds, which clip observations, were computed and kept while the goal was hidden.
    simulation.__dict__.pop("sawyer_observation_space", None)
    return simulation
