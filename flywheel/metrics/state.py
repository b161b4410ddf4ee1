"""StateMetrics: what the store holds, in numbers. Every process over one store says the same, whenever it started."""

import logging
from collections.abc import Mapping
from threading import Event, Lock, Thread
from typing import Any

from flywheel.core.campaign import CampaignState
from flywheel.core.code_version import CODE_VERSION
from flywheel.core.control import Control, IterationState, IterationStatus
from flywheel.core.errors import StoreError
from flywheel.core.iteration import Iteration, Stage, record_key
from flywheel.metrics import table
from flywheel.metrics.exposition import Samples
from flywheel.metrics.holdings import Holdings
from flywheel.metrics.tally import Tally, seconds
from flywheel.ports import Chronicle, EpisodeTable, LabelTable, Records

PATIENCE_S = 1.0
"""How long a scrape waits for the store."""

log = logging.getLogger(__name__)


class StateMetrics:
    """Any thread may ask. What is known is not read again; while the store is away, it says what it knew last."""

    def __init__(
        self,
        *,
        chronicle: Chronicle,
        records: Records,
        episodes: EpisodeTable,
        labels: LabelTable,
        gate_attempts: int,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """`gate_attempts`: gates that an error budget is planned for."""
        self._chronicle = chronicle
        self._tables: Mapping[str, EpisodeTable | LabelTable] = {"episodes": episodes, "labels": labels}
        self._gate_attempts, self._patience_s = gate_attempts, patience_s
        self._tally, self._holdings = Tally(), Holdings(records=records)
        self._lock = Lock()
        self._look: _Look | None = None
        self._known = ""

    def text(self, *, supervisor_up: bool) -> str:
        """Prometheus's text format. It waits for the store no longer than its patience."""
        fresh = self._refreshed()
        own = Samples()
        own.add(table.BUILD_INFO, 1.0, CODE_VERSION)
        own.add(table.STORE_UP, float(fresh))
        own.add(table.SUPERVISOR_UP, float(supervisor_up))
        return own.text + self._known

    def _refreshed(self) -> bool:
        """Whether what is known is as new as this question, or as one that was under way."""
        with self._lock:
            if self._look is None or self._look.over.is_set():
                self._look = _Look(self)
                self._look.start()
            look = self._look
        if not look.over.wait(self._patience_s):
            return False
        if isinstance(look.failure, StoreError):
            log.warning("metrics: %s", look.failure)
            return False
        if look.failure is not None:
            raise look.failure
        return True

    def look(self) -> None:
        """Reads what is new. One thread at a time. StoreError: it cannot be read."""
        control = self._chronicle.control()
        self._tally.fold(control.entries)
        self._holdings.look()
        samples = Samples()
        plan = self._plan()
        self._say_iterations(control, plan, samples)
        self._say_gates(plan, samples)
        self._say_policies(control, samples)
        self._say_data(samples)
        self._known = samples.text

    def _plan(self) -> Mapping[str, Any]:
        """The newest one; empty before the first."""
        number = self._tally.planned
        return {} if number is None else self._holdings.read(record_key(number, Stage.PLAN))

    def _say_iterations(self, control: Control, plan: Mapping[str, Any], samples: Samples) -> None:
        tally, current = self._tally, control.current
        if tally.newest is not None:
            samples.add(table.ITERATION, tally.newest)
        for outcome in table.ENDED:
            samples.add(table.ITERATIONS, tally.endings[outcome], outcome)
            if outcome in tally.ended_at:
                samples.add(table.ITERATION_FINISHED, seconds(tally.ended_at[outcome]), outcome)
        states = [str(status.state) for status in ([current] if current else []) + control.queued]
        for state in table.UNENDED:
            samples.add(table.ITERATIONS_PENDING, states.count(state), state)
        if current is not None and current.started_at is not None:
            samples.add(table.ITERATION_STARTED, seconds(current.started_at))
        running = None if current is None else running_stage(current, plan)
        for stage in table.STAGES:
            samples.add(table.STAGE_RUNNING, float(stage == running), stage)
            if stage in tally.durations:
                samples.distribute(table.STAGE_DURATION, tally.durations[stage], stage)
        if running is not None and tally.stage_began_at is not None:
            samples.add(table.STAGE_STARTED, seconds(tally.stage_began_at))
        campaigns = [campaign.state for campaign in control.campaigns.values()]
        for campaign_state in CampaignState:
            samples.add(table.CAMPAIGNS, campaigns.count(campaign_state), campaign_state)

    def _say_gates(self, plan: Mapping[str, Any], samples: Samples) -> None:
        for decision in table.DECIDED:
            samples.add(table.GATE_DECISIONS, self._tally.decisions[decision], decision)
        if plan:
            left = self._holdings.budget_left(plan, attempts=self._gate_attempts)
            samples.add(table.ERROR_BUDGET_REMAINING, left)
            for task, portion in plan["collect"].items():
                samples.add(table.PLANNED_EPISODES, portion["fresh"] + len(portion["revisit"]), task)

    def _say_policies(self, control: Control, samples: Samples) -> None:
        for cause in table.CAUSES:
            samples.add(table.DEPLOYMENTS, self._tally.deployments[cause], cause)
            if cause in self._tally.deployed_at:
                samples.add(table.DEPLOYMENT, seconds(self._tally.deployed_at[cause]), cause)
        for status, policy_id in {"live": control.live, "candidate": self._tally.judged}.items():
            if policy_id is not None:
                samples.add(table.POLICY_INFO, 1.0, status, policy_id)
                self._say_success(policy_id, status, samples)

    def _say_success(self, policy_id: str, status: str, samples: Samples) -> None:
        if policy_id not in self._tally.measured:
            return
        number, name = self._tally.measured[policy_id]
        verdict = self._holdings.read(record_key(number, Stage.EVALUATE))
        for task, result in (verdict.get(name) or {}).items():
            samples.add(table.SUCCESS_EPISODES, result["episodes"], task, status)
            if result["rate"] is not None:
                samples.add(table.SUCCESS_RATIO, result["rate"], task, status)
                samples.add(table.SUCCESS_RATIO_LOWER, result["lower"], task, status)
                samples.add(table.SUCCESS_RATIO_UPPER, result["upper"], task, status)
            if result["mean_time_to_success_s"] is not None:
                samples.add(table.TIME_TO_SUCCESS, result["mean_time_to_success_s"], task, status)
        if status == "candidate" and verdict.get("evidence"):
            samples.add(table.GATE_PAIRS, max(map(len, verdict["evidence"]["pairs"].values()), default=0))

    def _say_data(self, samples: Samples) -> None:
        made = self._tally.episodes.copy()
        made.update(self._holdings.episodes)
        for (task, source, outcome), count in sorted(made.items()):
            samples.add(table.EPISODES, count, task, source, outcome)
        for name, rows in self._tables.items():
            size = rows.size()
            samples.add(table.DATA_BYTES, size.num_bytes, name)
            samples.add(table.COMMITS, size.version, name)
        samples.add(table.DAMAGED_OBJECTS, self._holdings.damaged)


class _Look(Thread):
    """One reading of what is new. It may take as long as the store lets it: nobody has to wait for its end."""

    def __init__(self, state: StateMetrics) -> None:
        super().__init__(name="metrics", daemon=True)
        self._state = state
        self.over = Event()
        self.failure: Exception | None = None

    def run(self) -> None:
        try:
            self._state.look()
        except Exception as failure:  # noqa: BLE001 - who waits raises it
            self.failure = failure
        self.over.set()


def running_stage(status: IterationStatus, plan: Mapping[str, Any]) -> Stage | None:
    """`plan`: the newest one. None: the iteration waits, or has all its stages."""
    if status.state is not IterationState.RUNNING:
        return None
    if Stage.PLAN not in status.stages:
        return Stage.PLAN
    iteration = Iteration(number=status.number, live=plan.get("live"), candidate=plan.get("candidate"))
    return next((stage for stage in iteration.stages if stage not in status.stages), None)
