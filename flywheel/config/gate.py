"""Settings of the promotion gate."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from flywheel.config.section import Count, Section, Share
from flywheel.core.error_budget import Scheme
from flywheel.core.gate_rules import Approval, NearPerfect
from flywheel.core.pairs import Improvement

Margin = Annotated[float, Field(gt=0.0, lt=1.0)]


class LabelErrorsConfig(Section):
    """Upper bounds of how often success is labelled wrongly, whoever acted."""

    false_positive: Share = 0.0
    """Of failures, those labelled a success."""
    false_negative: Share = 0.0
    """Of successes, those labelled a failure."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.false_positive + self.false_negative >= 1.0:
            raise ValueError("false_positive and false_negative together must be below 1, or labels say nothing")
        return self


class GateConfig(Section):
    """The promotion gate: candidate against live version, most likely actions, the same initial states."""

    scheme: Scheme = Scheme.FWER
    """What is kept below `error_budget`: `fwer`, the chance of any false promotion; `fdr`, their expected share."""
    error_budget: Margin = 0.1
    """Of all gates since the store's first one, since the first of a campaign, or since `flywheel gate renew`."""
    attempts: Count = 5
    """Gates that share it; with `fwer` the next ones promote nothing."""
    max_pairs: Count = 200
    """Pairs of episodes per task after which the live version stays."""
    batch: Count = 25
    """Pairs per task that are asked for at once; the gate looks at the pairs after each batch."""
    margin: Margin = 0.15
    """Success rate that a candidate may lose on a task."""
    narrow_margin: Margin = 0.1
    """The same where the live version's earlier evaluations came to 90% or more."""
    margins: dict[str, Margin] = Field(default_factory=dict)
    """Task -> a margin of its own."""
    near_perfect: NearPerfect = NearPerfect.NONINFERIORITY
    """When every task was evaluated at 97% or more, n at least 50: promote what is not worse, or `hold` what is live.
    Otherwise an improvement must be shown over the tasks that were not."""
    improvement: Improvement = Improvement.SUCCESS
    """What must be better: `success`, or `time`: to succeed alone, or sooner by more than 5%."""
    anchor: str | None = None
    """A policy version, such as policy-0000, that no promoted candidate may be worse than, so that small losses do not
    add up. `flywheel gate renew --anchor` replaces it."""
    label_errors: dict[str, LabelErrorsConfig] = Field(default_factory=dict)
    """Task -> errors of its success labels; exact where nothing is said."""
    approval: Approval = Approval.NONE
    """Whether a person must agree before a promoted candidate is deployed."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.max_pairs % self.batch:
            raise ValueError(f"max_pairs: {self.max_pairs} is no multiple of batch {self.batch}")
        return self
