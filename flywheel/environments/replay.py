"""Replaying an episode to see it: environments are deterministic, so its seed and actions are all it takes."""

from flywheel.core.episode import Floats
from flywheel.environments.simulator import Frame
from flywheel.environments.suites import Filmed


def replay(environment: Filmed, *, seed: int, actions: Floats) -> list[Frame]:
    """Actions [T, A]; T+1 frames, after the reset and after each decision. The environment needs `render=True`."""
    environment.reset(seed)
    frames = [environment.frame()]
    for action in actions:
        environment.step(action)
        frames.append(environment.frame())
    return frames
