"""Tally: what the entries of a chronicle add up to in numbers. Each entry counts once, so nothing ever falls."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from itertools import islice

from flywheel.core.entry import Action, Entry
from flywheel.core.episode import Source
from flywheel.core.iteration import Stage
from flywheel.metrics.distribution import Distribution
from flywheel.metrics.table import STAGE_DURATION

SOURCES = {
    Stage.INGEST: Source.DEMONSTRATION,
    Stage.COLLECT: Source.COLLECTION,
    Stage.EVALUATE: Source.EVALUATION,
}
"""What the episodes are that a stage makes."""


class Tally:
    """Of one chronicle."""

    def __init__(self) -> None:
        self._num_folded = 0
        self.newest: int | None = None
        """Of the iterations that were begun."""
        self.planned: int | None = None
        """The iteration that was planned last."""
        self.judged: str | None = None
        """The policy version that was evaluated last."""
        self.measured: dict[str, tuple[int, str]] = {}
        """Policy version -> the newest iteration that evaluated it, and under which name its record has the results."""
        self.stage_began_at: str | None = None
        """When the last stage began, or began again."""
        self.endings: Counter[str] = Counter()
        self.ended_at: dict[str, str] = {}
        self.decisions: Counter[str] = Counter()
        self.deployments: Counter[str] = Counter()
        self.deployed_at: dict[str, str] = {}
        self.durations: dict[str, Distribution] = {}
        """Stage -> seconds that it took."""
        self.episodes: Counter[tuple[str, str, str]] = Counter()
        """(Task, source, outcome) -> episodes that stages made."""

    def fold(self, entries: Sequence[Entry]) -> None:
        """All entries of the chronicle, in order; those that are known are passed over."""
        for entry in islice(entries, self._num_folded, None):
            self._fold(entry)
            self._num_folded += 1

    def _fold(self, entry: Entry) -> None:
        match entry.action:
            case Action.ITERATION_STARTED:
                self.newest = max(entry.subject_number, -1 if self.newest is None else self.newest)
                self.stage_began_at = entry.at
            case Action.ITERATION_APPROVED:
                self.stage_began_at = entry.at
            case Action.STAGE_COMPLETED:
                self.stage_began_at = entry.at
                self._fold_stage(entry)
            case Action.ITERATION_FINISHED:
                state = entry.details["state"]
                self.endings[state] += 1
                self.ended_at[state] = entry.at
            case Action.POLICY_PROMOTED | Action.POLICY_ROLLED_BACK:
                self.deployments[cause_of(entry)] += 1
                self.deployed_at[cause_of(entry)] = entry.at

    def _fold_stage(self, entry: Entry) -> None:
        number, stage, told = entry.subject_number, Stage(entry.details["stage"]), entry.details
        if "wall_s" in told:
            known = self.durations.setdefault(stage, Distribution(bounds=STAGE_DURATION.buckets))
            known.add(told["wall_s"])
        for task, outcomes in told.get("episodes", {}).items():
            for outcome, count in outcomes.items():
                self.episodes[task, SOURCES[stage], outcome] += count
        if stage is Stage.PLAN:
            self.planned = number
        if stage is Stage.EVALUATE and "decision" in told:
            self.decisions[told["decision"]] += 1
            self.judged = told["policy_id"]
            self.measured[told["policy_id"]] = number, "tasks"
            if told.get("live") is not None:
                self.measured[told["live"]] = number, "live_tasks"


def cause_of(entry: Entry) -> str:
    """Of a change of the live version."""
    if entry.action is Action.POLICY_ROLLED_BACK:
        return "rollback"
    return "person" if entry.details["iteration"] is None else "gate"


def seconds(rfc3339: str) -> float:
    """Since 1970."""
    return datetime.fromisoformat(rfc3339).timestamp()
