"""Small episodes and labels whose every number can be told at a glance."""

from typing import Any

import numpy as np

from flywheel.core.episode import Episode, Source
from flywheel.core.task import Label


def make_episode(*, num_decisions: int = 3, **changes: Any) -> Episode:
    """T decisions; observations `x` [T+1, 2] count 0, 1, 2 ... and actions [T, 1] are t / 10."""
    steps = np.arange(num_decisions + 1, dtype=np.float32)
    values: dict[str, Any] = {
        "episode_id": "0000-demonstration-demonstrator-suite.reach-7",
        "task": "suite/reach",
        "scene": "table",
        "source": Source.DEMONSTRATION,
        "iteration": 0,
        "behaviour_policy": "demonstrator",
        "seed": 7,
        "initial_state": "abc",
        "decision_s": 0.5,
        "observations": {"x": np.stack([steps, steps + 0.5], axis=1)},
        "actions": steps[:-1, None] / 10,
        "rewards": np.zeros(num_decisions, np.float32),
        "successes": np.zeros(num_decisions, np.bool_),
        "facts": {},
        "scored": True,
        "terminated": False,
        "truncated": True,
    }
    return Episode(**(values | changes))


def make_label(episode: Episode, **changes: Any) -> Label:
    """The episode's own, a failure with rewards of 0."""
    values: dict[str, Any] = {
        "episode_id": episode.episode_id,
        "task": episode.task,
        "labeler": "recorded",
        "labeler_version": 1,
        "rewards": np.zeros(episode.num_decisions, np.float32),
        "terminated": False,
        "success": False,
    }
    return Label(**(values | changes))
