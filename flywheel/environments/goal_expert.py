"""Simple scripted experts for Fetch: proportional controllers on the positions that a policy sees."""

import numpy as np

from flywheel.core.environment import Observation
from flywheel.core.episode import Floats
from flywheel.environments.demonstrator import Expert
from flywheel.environments.goal import kind_of

_GAIN = 10.0
"""Action per metre to go; 1 moves the gripper by about 5 cm."""

_ABOVE = np.array([0.0, 0.0, 0.1], np.float32)
_OPEN, _SHUT = 1.0, -1.0


class ReachExpert:
    """Moves the gripper to the goal."""

    def reset(self, generator: np.random.Generator) -> None:
        """It remembers nothing."""

    def act(self, observation: Observation) -> Floats:
        return _towards(observation, observation["desired_goal"], _SHUT)


class PushExpert:
    """Goes behind the block as seen from the goal, and then through it."""

    _BEHIND_M = 0.09
    _ALIGNED_M = 0.03

    def reset(self, generator: np.random.Generator) -> None:
        """It remembers nothing."""

    def act(self, observation: Observation) -> Floats:
        grip, block, goal = (observation[part] for part in ("grip_position", "block_position", "desired_goal"))
        away = block[:2] - goal[:2]
        direction = np.append(away / max(float(np.linalg.norm(away)), 1e-6), 0.0).astype(np.float32)
        behind = block + self._BEHIND_M * direction
        offset = grip - block
        sideways = offset - direction * float(offset @ direction)
        if float(np.linalg.norm(sideways[:2])) < self._ALIGNED_M and float(offset @ direction) > 0:
            if offset[2] > self._ALIGNED_M:
                return _towards(observation, np.append(grip[:2], block[2]), _SHUT)
            return _towards(observation, block - 0.3 * direction * float(np.linalg.norm(away)), _SHUT)
        if offset[2] < 0.06 and float(np.linalg.norm(behind[:2] - grip[:2])) > self._ALIGNED_M:
            return _towards(observation, grip + _ABOVE, _SHUT)
        return _towards(observation, behind + _ABOVE, _SHUT)


class PickAndPlaceExpert:
    """Above the block, down, shut, and to the goal."""

    _HELD_M = 0.02
    _FINGERS_ON_BLOCK_M = 0.026

    def reset(self, generator: np.random.Generator) -> None:
        """It remembers nothing."""

    def act(self, observation: Observation) -> Floats:
        grip, block, goal = (observation[part] for part in ("grip_position", "block_position", "desired_goal"))
        offset = block - grip
        if float(np.linalg.norm(offset)) < self._HELD_M:
            if float(observation["fingers"].max()) > self._FINGERS_ON_BLOCK_M:
                return _towards(observation, grip, _SHUT)
            return _towards(observation, goal, _SHUT)
        if float(np.linalg.norm(offset[:2])) < self._HELD_M:
            return _towards(observation, block, _OPEN)
        return _towards(observation, block + _ABOVE, _OPEN)


def _towards(observation: Observation, position: Floats, gripper: float) -> Floats:
    """[4]: to the position in m, and the gripper's dimension."""
    move = _GAIN * (position - observation["grip_position"])
    return np.append(move, gripper).astype(np.float32)


_EXPERTS: dict[str, type[Expert]] = {
    "fetchreach": ReachExpert,
    "fetchpush": PushExpert,
    "fetchpickandplace": PickAndPlaceExpert,
}


def expert_of(name: str) -> Expert | None:
    """None: nobody wrote one, and demonstrations are random actions."""
    expert = _EXPERTS.get(kind_of(name))
    return None if expert is None else expert()
