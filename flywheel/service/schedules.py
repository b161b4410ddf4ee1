"""Schedules: iterations that are asked for by the clock, by new episodes, or by too little success."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from flywheel.core.commands import iterations
from flywheel.core.control import Control
from flywheel.core.entry import Draft, Entry
from flywheel.core.errors import ConfigError, ConflictError
from flywheel.core.schedule import Schedule
from flywheel.ports import Chronicle, Records
from flywheel.service.cron import latest
from flywheel.service.history import History

UPLOADS: Final = "uploads/"
"""Prefix of the records of what was imported."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Occasion:
    """Why a schedule fires now."""

    name: str
    """It fires once for each."""
    reason: str


class Schedules:
    """Looks after all schedules. Any number of processes may: for one occasion, one iteration is asked for.

    While an iteration of a schedule is queued, it asks for no other: what falls due meanwhile is one occasion, the
    newest.
    """

    def __init__(self, *, chronicle: Chronicle, records: Records, now: Callable[[], str], max_queued: int) -> None:
        self._chronicle, self._records, self._now, self._max_queued = chronicle, records, now, max_queued
        self._history = History(records=records)
        self._uploads: dict[str, dict[str, Any]] = {}
        self._told: dict[str, str] = {}

    def tick(self) -> list[Entry]:
        """Fires what is due. StoreError: the store does not answer; the next call tries again."""
        control = self._chronicle.control()
        fired = [self._fire(name, control) for name in control.schedules]
        return [entry for entry in fired if entry is not None]

    def _fire(self, name: str, control: Control) -> Entry | None:
        try:
            if self._decide(control, name=name) is None:
                return None
            return self._chronicle.append(partial(self._decide, name=name))
        except (ConflictError, ConfigError) as failure:
            # Tried again until it fits; said once.
            if self._told.get(name) != str(failure):
                log.warning("schedule %s waits: %s", name, failure)
            self._told[name] = str(failure)
            return None

    def _decide(self, control: Control, *, name: str) -> Draft | None:
        schedule, by = control.schedules.get(name), f"schedule:{name}"
        if schedule is None or any(queued.requested_by == by for queued in control.queued):
            return None
        occasion = self._occasion(schedule, control)
        if occasion is None or occasion.name == schedule.fired_for:
            return None
        return iterations.request(
            control,
            by=by,
            overrides=schedule.overrides,
            max_queued=self._max_queued,
            occasion=occasion.name,
            reason=occasion.reason,
        )

    def _occasion(self, schedule: Schedule, control: Control) -> Occasion | None:
        trigger = schedule.trigger
        if trigger.cron is not None:
            return _by_clock(schedule, trigger.cron, now=self._now())
        if trigger.new_episodes is not None:
            return self._by_uploads(schedule, trigger.new_episodes)
        if trigger.success_below is not None:
            return self._by_success(control, trigger.success_below)
        return None

    def _by_uploads(self, schedule: Schedule, wanted: int) -> Occasion | None:
        """Counted as their records say. What was imported since the last firing is known without looking at a clock."""
        for key in self._records.keys(UPLOADS):
            if key not in self._uploads:
                self._uploads[key] = self._records.read(key) or {}
        known = {key: sum(record.get("tasks", {}).values()) for key, record in self._uploads.items()}
        before = [key for key, record in self._uploads.items() if _is_before(record.get("at"), schedule.created_at)]
        seen = sum(known[key] for key in before) if schedule.fired_for is None else int(schedule.fired_for)
        total = sum(known.values())
        if total - seen < wanted:
            return None
        return Occasion(name=str(total), reason=f"{total - seen} new episodes from outside")

    def _by_success(self, control: Control, below: float) -> Occasion | None:
        """Not while an iteration is queued or runs: it is the answer already."""
        if control.current is not None or control.queued:
            return None
        found = self._history.newest_measurement(control)
        if found is None or found.success >= below:
            return None
        return Occasion(name=found.name, reason=f"{found.name}: mean success {found.success:.3f}, below {below:g}")


def _by_clock(schedule: Schedule, cron: str, *, now: str) -> Occasion | None:
    """What was missed is one occasion, the newest."""
    due = latest(cron, now=datetime.fromisoformat(now).astimezone(UTC))
    if due is None or due <= datetime.fromisoformat(schedule.fired_for or schedule.created_at):
        return None
    time = due.isoformat(timespec="seconds").replace("+00:00", "Z")
    return Occasion(name=time, reason=f"due at {time}")


def _is_before(imported_at: str | None, created_at: str) -> bool:
    """Records of earlier releases do not say when."""
    return imported_at is None or datetime.fromisoformat(imported_at) <= datetime.fromisoformat(created_at)
