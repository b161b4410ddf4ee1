"""Scripted experts for Gymnasium environments that have a simple one."""

import numpy as np

from flywheel.core.environment import Observation
from flywheel.core.episode import Floats
from flywheel.environments.demonstrator import Expert


class MomentumExpert:
    """Solves MountainCarContinuous: pushes the way the car already moves."""

    def reset(self, generator: np.random.Generator) -> None:
        """It remembers nothing."""

    def act(self, observation: Observation) -> Floats:
        velocity = observation["mountaincarcontinuous_observation"][1:]
        return np.where(velocity < 0, np.float32(-1), np.float32(1))


def expert_of(name: str) -> Expert | None:
    """None: nobody wrote one, and demonstrations are random actions."""
    return MomentumExpert() if name == "MountainCarContinuous-v0" else None
