"""Valid episodes and labels with random arrays, and what two of them are compared by."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from flywheel.core.episode import Episode, Source
from flywheel.core.policy import PolicyVersion
from flywheel.core.task import Label


def random_episode(number: int = 0, *, num_decisions: int = 5, action_size: int = 4, **changes: Any) -> Episode:
    """The same number gives the same episode: observations of two modalities, facts of two points."""
    rng = np.random.default_rng(number)
    values: dict[str, Any] = {
        "episode_id": f"0001-collection-p0000-suite.reach-{number:04d}",
        "task": "suite/reach",
        "scene": "table",
        "source": Source.COLLECTION,
        "iteration": 1,
        "behaviour_policy": "p0000",
        "seed": number,
        "initial_state": f"{number:08x}",
        "decision_s": 0.025,
        "observations": {
            "tool": rng.normal(size=(num_decisions + 1, 3)).astype(np.float32),
            "gripper": rng.random((num_decisions + 1, 1)).astype(np.float32),
        },
        "actions": rng.uniform(-1, 1, (num_decisions, action_size)).astype(np.float32),
        "rewards": rng.random(num_decisions).astype(np.float32),
        "successes": rng.random(num_decisions) > 0.5,
        "facts": {
            "tool": rng.normal(size=(num_decisions, 2, 3)).astype(np.float32),
            "target": rng.normal(size=(num_decisions, 2, 3)).astype(np.float32),
        },
        "scored": True,
        "terminated": False,
        "truncated": True,
    }
    return Episode(**(values | changes))


def crashed_episode(number: int = 0, **changes: Any) -> Episode:
    """Ended by an error before its first decision."""
    return random_episode(number, num_decisions=0, **({"error": "raised", "truncated": False} | changes))


def random_label(episode: Episode, **changes: Any) -> Label:
    """The episode's own."""
    values: dict[str, Any] = {
        "episode_id": episode.episode_id,
        "task": episode.task,
        "labeler": "within",
        "labeler_version": 1,
        "rewards": np.random.default_rng(episode.seed).random(episode.num_decisions).astype(np.float32),
        "terminated": True,
        "success": True,
    }
    return Label(**(values | changes))


def policy_version(policy_id: str = "p0003", **changes: Any) -> PolicyVersion:
    values: dict[str, Any] = {
        "policy_id": policy_id,
        "iteration": 3,
        "parent": "p0002",
        "digest": "0" * 64,
        "trained_on": {"episodes": 7, "labels": 5},
    }
    return PolicyVersion(**(values | changes))


def content(value: Any) -> Any:
    """Everything in an episode or a label, to the bit and in order: equal contents, equal values."""
    if isinstance(value, Episode | Label):
        return [(field.name, content(getattr(value, field.name))) for field in fields(value)]
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, Mapping):
        return [(name, content(item)) for name, item in value.items()]
    return value
