"""Long made-up histories: iterations that end in every way, as the service would tell of them."""

from random import Random
from typing import Any

from fakes import MemoryEpisodes, MemoryLabels, MemoryRecords
from runs import STAGES, TASKS, write_final, write_iteration

from flywheel.core.campaign import CampaignState, Goal
from flywheel.core.commands import campaigns, iterations, policies
from flywheel.core.control import Control, IterationState
from flywheel.core.iteration import record_key
from flywheel.journey import summary
from flywheel.metrics.state import StateMetrics
from flywheel.store.chronicle import RecordedChronicle

ABORTED = (IterationState.FAILED, IterationState.CANCELLED)


class History:
    """Of a store whose tables are empty."""

    def __init__(self, *, seed: int = 0, records: MemoryRecords | None = None) -> None:
        self._random = Random(seed)
        self.records = records or MemoryRecords()
        self.chronicle = RecordedChronicle(records=self.records)
        self.episodes, self.labels = MemoryEpisodes(), MemoryLabels()
        self.deployed: list[str] = []

    @property
    def control(self) -> Control:
        return self.chronicle.control()

    def metrics(self, **changes: Any) -> StateMetrics:
        """Of a process that has just started."""
        values = {
            "chronicle": RecordedChronicle(records=self.records),
            "records": self.records,
            "episodes": self.episodes,
            "labels": self.labels,
            "gate_attempts": 5,
            "patience_s": 60.0,
        }
        return StateMetrics(**(values | changes))

    def add(self, command: Any, *arguments: Any, **values: Any) -> None:
        self.chronicle.append(lambda control: command(control, *arguments, **{"by": "token:ann", **values}))

    def begin(self) -> int:
        """The next iteration runs."""
        number = self.control.next_iteration
        self.add(iterations.request, overrides={}, max_queued=9)
        self.add(iterations.start, number, owner="here")
        return number

    def complete(self, number: int, stage: str) -> None:
        """As the loop tells of it."""
        outcome = self.records.read(record_key(number, stage)) or {}
        self.add(iterations.complete_stage, number, stage, summary=summary(outcome))

    def turn(self) -> int:
        """One more iteration, to any end; a person may roll back afterwards."""
        number = self.begin()
        wins = [self._random.randint(0, 50) for _ in TASKS]
        promote = not number or self._random.random() < 0.5
        live = None if number == 0 else [self._random.randint(0, 50) for _ in TASKS]
        write_iteration(self.records, number, wins, live=live, promote=promote, live_after=self.control.live)
        stages = ["plan", "collect" if number else "ingest", *STAGES]
        reached = len(stages) if not number or self._random.random() < 0.7 else self._random.randrange(len(stages))
        for stage in stages[:reached]:
            self.complete(number, stage)
        if reached < len(stages):
            self.finish(number, self._random.choice(ABORTED))
        else:
            if promote:
                self.add(policies.promote, f"policy-{number:04d}", reason="better", iteration=number)
            self.finish(number, IterationState.SUCCEEDED if promote else IterationState.REJECTED)
        if self.control.live_before is not None and self._random.random() < 0.1:
            self.add(policies.roll_back, reason="a bad day")
        return number

    def finish(self, number: int, state: IterationState) -> None:
        self.add(iterations.finish, number, state=state, reason="")

    def add_campaigns(self) -> None:
        """One that is over, one that runs."""
        self.add(campaigns.request, goal=Goal(plateau=3), overrides={})
        self.add(campaigns.finish, 1, state=CampaignState.ENDED, reason="")
        self.add(campaigns.request, goal=Goal(plateau=3), overrides={})

    def add_records(self) -> None:
        """A repair, an upload, a final assessment."""
        self.records.write("repairs/0001", {"moved": [{"key": "a", "why": "b"}, {"key": "c", "why": "d"}]})
        self.records.write("uploads/ab", {"outcomes": {TASKS[0]: {"success": 3, "unscored": 1}}})
        write_final(self.records, 2, "policy-0002", [97, 90])
