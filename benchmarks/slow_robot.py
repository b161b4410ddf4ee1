"""A robot that takes its time: a point that is pushed to a target, whose every step lasts as long in this world too.

It costs no processor time, so that many of them on few cores run as many real robots, or simulators elsewhere, do.
"""

import os
from time import sleep
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from flywheel.core.environment import Observation
from flywheel.core.episode import Floats
from flywheel.environments.demonstrator import Expert

ID = "SlowPush-v0"
STEP_VARIABLE = "SLOW_ROBOT_STEP_S"
"""Environment variable: seconds of a step."""
RADIUS_M = 0.15
SPEED_M = 0.1
"""In a step."""


class SlowPush(gymnasium.Env[NDArray[np.float32], NDArray[np.float32]]):
    """Observation: position and target [4]. Action: push [2]."""

    observation_space = spaces.Box(-2.0, 2.0, (4,), np.float32)
    action_space = spaces.Box(-1.0, 1.0, (2,), np.float32)

    def __init__(self) -> None:
        self._step_s = float(os.environ.get(STEP_VARIABLE, "0"))
        self._position = self._target = np.zeros(2, np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        super().reset(seed=seed)
        self._position, self._target = self.np_random.uniform(-1.0, 1.0, (2, 2)).astype(np.float32)
        return self._seen(), {}

    def step(self, action: NDArray[np.float32]) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        sleep(self._step_s)
        self._position = np.clip(self._position + SPEED_M * action, -2.0, 2.0).astype(np.float32)
        success = bool(np.linalg.norm(self._target - self._position) < RADIUS_M)
        return self._seen(), float(success), False, False, {"is_success": success}

    def _seen(self) -> NDArray[np.float32]:
        return np.concatenate([self._position, self._target])


class Pusher:
    """Pushes towards the target."""

    def reset(self, generator: np.random.Generator) -> None:
        """It remembers nothing."""

    def act(self, observation: Observation) -> Floats:
        (seen,) = observation.values()
        return np.clip((seen[2:] - seen[:2]) / SPEED_M, -1.0, 1.0)


def expert_of(name: str) -> Expert | None:
    return Pusher() if name == ID else None


gymnasium.register(ID, entry_point=f"{__name__}:{SlowPush.__name__}")
