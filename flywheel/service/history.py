"""History: what the records of stages say of iterations that the chronicle knows. Each is read once."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from flywheel.core.campaign import CampaignStep
from flywheel.core.control import Control, IterationState, IterationStatus
from flywheel.core.entry import Action
from flywheel.core.iteration import Stage, record_key
from flywheel.ports import Records

Results = Mapping[str, Mapping[str, Any]]
"""Task -> how its episodes ended, as a stage records it."""


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """How good a policy version was found to be, and where."""

    policy_id: str
    iteration: int
    stage: Stage
    success: float
    """Mean success rate over tasks."""

    @property
    def name(self) -> str:
        """Another one has another name."""
        return f"{self.policy_id} in iterations/{self.iteration}/{self.stage}"


class History:
    """Of the iterations of one store."""

    def __init__(self, *, records: Records) -> None:
        self._records = records
        self._read: dict[str, dict[str, Any]] = {}

    def outcome(self, status: IterationStatus, stage: Stage) -> Mapping[str, Any]:
        """What the stage recorded; empty where it has not."""
        key = record_key(status.number, stage)
        if stage in status.stages and key not in self._read:
            self._read[key] = self._records.read(key) or {}
        return self._read.get(key, {})

    def step(self, status: IterationStatus) -> CampaignStep:
        """What a campaign knows of a finished iteration."""
        promoted = status.state is IterationState.SUCCEEDED
        verdict = self.outcome(status, Stage.EVALUATE)
        return CampaignStep(
            number=status.number,
            promoted=promoted,
            live_success=mean_success(verdict.get("tasks" if promoted else "live_tasks")),
            episodes=sum(num_episodes(self.results(status, stage)) for stage in (Stage.COLLECT, Stage.EVALUATE)),
        )

    def results(self, status: IterationStatus, stage: Stage) -> Results:
        """Of all that acted in the stage: task -> `episodes` that were scored, `errors` and `unscored`, added up."""
        outcome = self.outcome(status, stage)
        parts: list[Results] = [outcome.get("tasks") or {}, outcome.get("live_tasks") or {}]
        counts = ("episodes", "errors", "unscored")
        return {
            task: {name: sum(part[task][name] for part in parts if task in part) for name in counts}
            for task in sorted({task for part in parts for task in part})
        }

    def newest_measurement(self, control: Control) -> Measurement | None:
        """Of the live version, in the newest iteration that measured it: of what it collected, else of its evaluation.

        None: there is no live version, or none of its episodes could be scored.
        """
        live = control.live
        if live is None:
            return None
        for _, status in sorted(control.iterations.items(), reverse=True):
            collected, verdict = self.outcome(status, Stage.COLLECT), self.outcome(status, Stage.EVALUATE)
            for stage, outcome, policy, tasks in (
                (Stage.COLLECT, collected, "behaviour_policy", "tasks"),
                (Stage.EVALUATE, verdict, "policy_id", "tasks"),
                (Stage.EVALUATE, verdict, "live", "live_tasks"),
            ):
                success = mean_success(outcome.get(tasks)) if outcome.get(policy) == live else None
                if success is not None:
                    return Measurement(policy_id=live, iteration=status.number, stage=stage, success=success)
        return None


def mean_success(results: Results | None) -> float | None:
    """Over tasks. None where one has no scored episode: a mean without it would mean another thing."""
    rates = [result["rate"] for result in (results or {}).values()]
    return None if not rates or None in rates else fmean(rates)


def num_episodes(results: Results) -> int:
    """Scored or not."""
    return sum(result[name] for result in results.values() for name in ("episodes", "errors", "unscored"))


def newest_start(control: Control) -> int:
    """The entry with which the newest iteration began; it has one more for each process that went on with it."""
    starts = [entry for entry in control.entries if entry.action is Action.ITERATION_STARTED]
    return next((entry.number for entry in starts if entry.subject == starts[-1].subject), len(control.entries))
