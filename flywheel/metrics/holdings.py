"""Holdings: what the records say of which there are few, or of which only the newest is shown."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from flywheel.core.episode import Source
from flywheel.core.errors import StoreError, StoreUnavailableError
from flywheel.core.spending import BUDGETS, Spending
from flywheel.ports import Records
from flywheel.stages.gather import outcomes

REPAIRS, UPLOADS, FINAL = "repairs/", "uploads/", "final/"

log = logging.getLogger(__name__)

Record = Mapping[str, Any]


class Holdings:
    """Of one store. Records never change, so each of those that are added up is read once."""

    def __init__(self, *, records: Records) -> None:
        self._records = records
        self._known: set[str] = set()
        self.damaged = 0
        """Objects that repairs took out of the way."""
        self.episodes: Counter[tuple[str, str, str]] = Counter()
        """(Task, source, outcome) -> episodes of uploads and final assessments."""

    def look(self) -> None:
        """Adds up what is new. StoreUnavailableError: the store is away."""
        self._add_up(REPAIRS, self._add_repair)
        self._add_up(UPLOADS, lambda record: self._add_episodes(Source.UPLOAD, record.get("outcomes", {})))
        self._add_up(FINAL, lambda record: self._add_episodes(Source.FINAL, outcomes(record["tasks"])))

    def read(self, key: str) -> Record:
        """Empty where there is none, or none that can be read. StoreUnavailableError: the store is away."""
        try:
            return self._records.read(key) or {}
        except StoreUnavailableError:
            raise
        except StoreError as failure:
            log.warning("%s", failure)
            return {}

    def budget_left(self, plan: Record, *, attempts: int) -> float:
        """Share of the error budget's planned gates that may be started after this plan's."""
        newest = max((int(key.removeprefix(BUDGETS)) for key in self._records.keys(BUDGETS)), default=0)
        spent = Spending.of(plan["budget"]).following(
            newest=newest, campaign=None, started=plan["gate"] is not None, promoted=False
        )
        return max(0.0, 1.0 - spent.attempts / attempts)

    def _add_up(self, prefix: str, add: Callable[[Record], None]) -> None:
        for key in self._records.keys(prefix):
            if key not in self._known:
                if record := self.read(key):
                    add(record)
                self._known.add(key)

    def _add_repair(self, record: Record) -> None:
        self.damaged += len(record["moved"])

    def _add_episodes(self, source: Source, tasks: Mapping[str, Mapping[str, int]]) -> None:
        for task, counts in tasks.items():
            for outcome, count in counts.items():
                self.episodes[task, source, outcome] += count
