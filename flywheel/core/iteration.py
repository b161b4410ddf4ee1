"""Iteration: one turn of the wheel, and what each stage must have produced."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from flywheel.core.errors import IterationError


class Stage(StrEnum):
    """The loop's verbs."""

    PLAN = "plan"
    INGEST = "ingest"
    COLLECT = "collect"
    RELABEL = "relabel"
    TRAIN = "train"
    EVALUATE = "evaluate"
    DEPLOY = "deploy"


PRODUCTS: Mapping[Stage, tuple[str, ...]] = {
    Stage.PLAN: ("live", "candidate", "collect", "gate", "planned_pairs", "budget", "approval"),
    Stage.INGEST: ("episodes_version", "data_digests", "tasks"),
    Stage.COLLECT: ("episodes_version", "data_digests", "behaviour_policy", "tasks"),
    Stage.RELABEL: ("episodes_version", "labels_version", "data_digests"),
    Stage.TRAIN: (
        *("policy_id", "digest", "contract", "file_digests", "parent"),
        *("trained_on", "data_digests", "num_updates"),
    ),
    Stage.EVALUATE: (
        *("policy_id", "episodes_version", "data_digests", "transactions"),
        *("tasks", "decision", "reason", "evidence"),
    ),
    Stage.DEPLOY: ("live", "deployed", "reason"),
}
"""What the outcome of each stage must hold."""

Outcomes = Mapping[str, Any]
"""What a stage produced: plain JSON values."""


@dataclass(frozen=True, kw_only=True)
class Iteration:
    """One turn. The first one pretrains: it has demonstrations instead of episodes of a policy version."""

    number: int
    live: str | None = None
    """The live policy version when this turn began: what the plan recorded, before that what the turn before left."""
    candidate: str | None = None
    """The policy version that was trained last, promoted or not; recorded likewise."""
    outcomes: Mapping[Stage, Outcomes] = field(default_factory=dict)

    @property
    def pretrains(self) -> bool:
        """Whether there is nothing to improve yet."""
        return self.live is None and self.candidate is None

    @property
    def place(self) -> int:
        """In settings that hold a value per iteration: 0 is pretraining, whatever its number."""
        return 0 if self.pretrains else max(1, self.number)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """In order."""
        first = Stage.INGEST if self.pretrains else Stage.COLLECT
        return (Stage.PLAN, first, Stage.RELABEL, Stage.TRAIN, Stage.EVALUATE, Stage.DEPLOY)

    def remaining(self) -> tuple[Stage, ...]:
        """The stages without an outcome, in order."""
        return tuple(stage for stage in self.stages if stage not in self.outcomes)

    def completed(self, stage: Stage, outcome: Outcomes) -> "Iteration":
        """This iteration with the stage's outcome. IterationError: not the next stage, or a product is missing."""
        remaining = self.remaining()
        if not remaining or remaining[0] is not stage:
            due = remaining[0] if remaining else "nothing"
            raise IterationError(f"iteration {self.number}: {stage} cannot complete, {due} is due")
        missing = [name for name in PRODUCTS[stage] if name not in outcome]
        if missing:
            raise IterationError(f"iteration {self.number}: {stage} did not produce {', '.join(missing)}")
        done = replace(self, outcomes={**self.outcomes, stage: outcome})
        if stage is Stage.PLAN:
            return replace(done, live=outcome["live"], candidate=outcome["candidate"])
        return done

    def following(self) -> "Iteration":
        """The next turn. IterationError: this one is not finished."""
        if self.remaining():
            raise IterationError(f"iteration {self.number}: {self.remaining()[0]} is still to do")
        return Iteration(
            number=self.number + 1,
            live=self.outcomes[Stage.DEPLOY]["live"],
            candidate=self.outcomes[Stage.TRAIN]["policy_id"],
        )


ITERATIONS: Final = "iterations/"
"""Prefix of the records of stages."""


def record_key(number: int, stage: str) -> str:
    """Where a stage's outcome is recorded."""
    return f"{ITERATIONS}{number:04d}/{stage}"
