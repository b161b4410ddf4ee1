"""Meta-World's scripted experts, on the observations that a policy sees."""

import warnings

import numpy as np
from metaworld.policies import ENV_POLICY_MAP

from flywheel.core.environment import Observation
from flywheel.core.episode import Floats
from flywheel.environments.metaworld import LAYOUT


class MetaworldExpert:
    """The scripted expert of one Meta-World task."""

    def __init__(self, name: str) -> None:
        """`name` is Meta-World's, e.g. reach-v3."""
        self._script = ENV_POLICY_MAP[name]()  # type: ignore[abstract]

    def reset(self, generator: np.random.Generator) -> None:
        """Its experts remember nothing and draw nothing."""

    def act(self, observation: Observation) -> Floats:
        flat = np.zeros(39)
        for modality, values in observation.items():
            flat[LAYOUT[modality]] = values
        with warnings.catch_warnings():
            # It warns at every action beyond [-1, 1], which the demonstrator cuts.
            warnings.simplefilter("ignore", UserWarning)
            return np.asarray(self._script.get_action(flat), np.float32)


def expert_of(name: str) -> MetaworldExpert:
    """Meta-World has one for every task."""
    return MetaworldExpert(name)
