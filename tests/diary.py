"""A chronicle over records in memory, with a clock that stands still until it is set, and iterations by command."""

from collections.abc import Sequence
from typing import Any

from fakes import MemoryRecords
from runs import STAGES, write_iteration

from flywheel.core.campaign import Goal
from flywheel.core.commands import campaigns, iterations, policies, schedules
from flywheel.core.control import Control, IterationState
from flywheel.core.entry import Entry
from flywheel.core.schedule import Trigger
from flywheel.store.chronicle import RecordedChronicle

START = "2026-01-05T09:00:00.000Z"


class Diary:
    """What was asked for and what became of it."""

    def __init__(self) -> None:
        self.time = START
        self.records = MemoryRecords()
        self.chronicle = self.another()

    def now(self) -> str:
        return self.time

    def another(self) -> RecordedChronicle:
        """As another process sees it."""
        return RecordedChronicle(records=self.records, clock=self.now)

    @property
    def control(self) -> Control:
        return self.chronicle.control()

    def add(self, command: Any, *arguments: Any, **values: Any) -> Entry | None:
        """A command's entry; by a person, unless it says who."""
        return self.chronicle.append(lambda control: command(control, *arguments, **{"by": "token:ann", **values}))

    def campaign(self, *, overrides: dict[str, Any] | None = None, **goal: Any) -> Entry | None:
        return self.add(campaigns.request, goal=Goal(**goal), overrides=overrides or {})

    def schedule(self, name: str = "nightly", *, overrides: dict[str, Any] | None = None, **trigger: Any) -> None:
        self.add(schedules.create, name, trigger=Trigger(**trigger), overrides=overrides or {})

    def request(self, *, max_queued: int = 100) -> None:
        self.add(iterations.request, overrides={}, max_queued=max_queued)

    def start(self, number: int, *, owner: str = "here") -> None:
        self.add(iterations.start, number, owner=owner, by="supervisor")

    def complete(self, number: int, stage: str) -> None:
        self.add(iterations.complete_stage, number, stage, summary={}, by="supervisor")

    def finish(self, number: int, state: IterationState, *, reason: str = "") -> None:
        self.add(iterations.finish, number, state=state, reason=reason, by="supervisor")

    def turn(
        self, number: int, successes: Sequence[int], *, live: Sequence[int] | None = None, promote: bool = True
    ) -> None:
        """Through all its stages, as `runs.write_iteration` records them: 50 episodes per task."""
        self.start(number)
        write_iteration(self.records, number, successes, live=live, promote=promote, live_after=self.control.live)
        for stage in ("collect" if number else "ingest", *STAGES):
            self.complete(number, stage)
        if promote:
            self.add(policies.promote, f"policy-{number:04d}", reason="better", iteration=number, by="gate")
        self.finish(number, IterationState.SUCCEEDED if promote else IterationState.REJECTED)

    def told(self, *, by: str) -> list[tuple[str, str, str]]:
        """Action, subject and reason of what somebody did."""
        return [(entry.action, entry.subject, entry.reason) for entry in self.control.entries if entry.by == by]
