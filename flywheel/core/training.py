"""What is asked of a training, and what comes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flywheel.core.exclusion import Exclusion
from flywheel.core.mixture import Mixture
from flywheel.core.policy import PolicyVersion


@dataclass(frozen=True, kw_only=True)
class TrainingRequest:
    """A policy version to be trained."""

    iteration: int
    policy_id: str
    parent: str | None
    episodes_version: int
    labels_version: int
    mixture: Mixture
    num_updates: int
    bc_weight: float
    temperature: float
    learning_rate: float
    seed: int
    excluded: Exclusion = field(default_factory=Exclusion)
    """Episodes that are left out."""
    recalls: tuple[int, ...] = ()
    """The recalls that say so."""


@dataclass(frozen=True, kw_only=True)
class TrainingResult:
    """A finished policy version and the last means of the learner's figures."""

    version: PolicyVersion
    metrics: Mapping[str, float]
    shares: Mapping[str, Any] = field(default_factory=dict)
    """What the batches held on average: by source, task, outcome and age in iterations."""
