"""Settings that one iteration may have of its own. None: the configuration's."""

from typing import Annotated, Any

from pydantic import Field

from flywheel.config.gate import Margin
from flywheel.config.mixture import MixtureConfig
from flywheel.config.section import Count, Section, Share
from flywheel.core.gate_rules import Approval
from flywheel.core.pairs import Improvement
from flywheel.core.plan import InitialWeights


class CollectOverrides(Section):
    """Of collecting."""

    episodes_per_task: Count | None = Field(default=None, examples=[100])
    """Episodes that the live version makes of each task."""
    sharpness: Annotated[float, Field(gt=0.0)] | None = Field(default=None, examples=[2.0])
    """Power of the policy's distribution that actions are drawn from."""
    random_actions: Share | None = Field(default=None, examples=[0.05])
    """Share of decisions replaced by uniform random actions."""


class TrainOverrides(Section):
    """Of training."""

    num_updates: Count | None = Field(default=None, examples=[500])
    """Optimiser steps."""
    bc_weight: Share | None = Field(default=None, examples=[0.3])
    """alpha of alpha-PAC."""
    temperature: Annotated[float, Field(gt=0.0)] | None = Field(default=None, examples=[0.02])
    """eta, in units of return."""
    learning_rate: Annotated[float, Field(gt=0.0)] | None = Field(default=None, examples=[0.001])
    """Of AdamW."""
    initial_weights: InitialWeights | None = Field(default=None, examples=["candidate"])
    """Where training starts: the version trained last, the live one, or fresh weights."""


class EvaluateOverrides(Section):
    """Of evaluating."""

    episodes_per_task: Count | None = Field(default=None, examples=[50])
    """Of a candidate while no version is live to compare it with."""


class GateOverrides(Section):
    """Of the promotion gate."""

    margin: Margin | None = Field(default=None, examples=[0.15])
    """Success rate that a candidate may lose on a task."""
    narrow_margin: Margin | None = Field(default=None, examples=[0.1])
    """The same where the live version's earlier evaluations came to 90% or more."""
    max_pairs: Count | None = Field(default=None, examples=[100])
    """Pairs of episodes per task after which the live version stays; a multiple of the configured batch."""
    improvement: Improvement | None = Field(default=None, examples=["time"])
    """What must be better: success, or the time to it."""
    approval: Approval | None = Field(default=None, examples=["required"])
    """Whether a person must agree before a promoted candidate is deployed."""


class Overrides(Section):
    """What differs from the configuration in one iteration."""

    collect: CollectOverrides | None = None
    """Of collecting; null: as configured."""
    mixture: MixtureConfig | None = None
    """What a batch holds, as a whole; null: as configured."""
    train: TrainOverrides | None = None
    """Of training; null: as configured."""
    evaluate: EvaluateOverrides | None = None
    """Of evaluating; null: as configured."""
    gate: GateOverrides | None = None
    """Of the promotion gate; null: as configured."""

    @property
    def plain(self) -> dict[str, Any]:
        """Only what is set."""
        return self.model_dump(mode="json", exclude_none=True)


SCHEDULED = ("num_updates", "bc_weight", "temperature", "learning_rate")
"""Settings that hold a value per iteration."""


def merged(config: dict[str, Any], overrides: Overrides) -> dict[str, Any]:
    """A configuration's plain values with the overrides in their places. Check it: together they may not fit."""
    changes = overrides.plain
    mixture = changes.pop("mixture", None)
    result = {**config, **{section: {**config[section], **values} for section, values in changes.items()}}
    train = dict(result["train"])
    for name in SCHEDULED:
        if name in changes.get("train", {}):
            train[name] = [train[name]]
    if mixture is not None:
        train["mixture"] = [mixture]
    return {**result, "train": train}
