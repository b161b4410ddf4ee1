"""OGBench's own Markov oracles, on the observations that a policy sees."""

from types import SimpleNamespace
from typing import Any

import numpy as np
from ogbench.manipspace.oracles.markov.button_markov import ButtonMarkovOracle
from ogbench.manipspace.oracles.markov.cube_markov import CubeMarkovOracle
from ogbench.manipspace.oracles.markov.drawer_markov import DrawerMarkovOracle
from ogbench.manipspace.oracles.markov.window_markov import WindowMarkovOracle

from flywheel.core.environment import Observation
from flywheel.core.episode import Floats
from flywheel.environments.ogbench import TARGETS

_AFTERWARDS = np.array([0.425, 0.0, 0.3])
"""Where the arm would go once it has succeeded, in m: episodes end there, so nobody sees it."""


class OgbenchExpert:
    """The oracle of the episode's target."""

    def __init__(self, name: str) -> None:
        """`name` is OGBench's, e.g. cube-single."""
        arm = SimpleNamespace()
        self._oracles: dict[str, Any] = {
            "cube": CubeMarkovOracle(env=arm),
            "button": ButtonMarkovOracle(env=arm, gripper_always_closed=name.startswith("puzzle")),
            "drawer": DrawerMarkovOracle(env=arm),
            "window": WindowMarkovOracle(env=arm),
        }
        for oracle in self._oracles.values():
            # What its `reset` draws from numpy's global generator.
            oracle._step, oracle._final_pos, oracle._final_yaw = 0, _AFTERWARDS, 0.0
        self._only = name.partition("-")[0].replace("puzzle", "button")

    def reset(self, generator: np.random.Generator) -> None:
        """Oracles remember nothing that changes their actions."""

    def act(self, observation: Observation) -> Floats:
        target = TARGETS[int(observation["target_task"].argmax())] if "target_task" in observation else self._only
        return np.asarray(self._oracles[target].select_action(None, _info(observation)), np.float32)


def _info(observation: Observation) -> dict[str, Any]:
    """OGBench's `info`, as far as its oracles read it."""
    info: dict[str, Any] = {"privileged/target_block": 0}
    for part, values in observation.items():
        value: Any = values.astype(np.float64)
        if part.endswith("_yaw"):
            value = np.arctan2(value[1:], value[:1])
        elif part in ("target_block", "target_button"):
            value = int(values.argmax())
        elif part == "target_button_state":
            value = int(values[0])
        info[f"proprio/{part}"] = info[f"privileged/{part}"] = value
    for number, state in enumerate(observation.get("button_state", ())):
        info[f"privileged/button_{number}_state"] = int(state)
    return info


def expert_of(name: str) -> OgbenchExpert:
    """OGBench has one for every task."""
    return OgbenchExpert(name)
