"""Whether what the records say was committed is what the tables say, and the other way round."""

from collections.abc import Iterator, Mapping
from typing import Any

from flywheel.core.errors import StoreError, StoreUnavailableError
from flywheel.core.iteration import Stage
from flywheel.journey import final_key
from flywheel.stages.evaluate import transactions
from flywheel.store import layout
from flywheel.store.whole import Store
from flywheel.upkeep.finding import Area, Finding, damage, leftover
from flywheel.upkeep.ledger import FINAL, Ledger

Commit = tuple[str, str, int]
"""Table, transaction, version."""


def check_transactions(store: Store, ledger: Ledger) -> Iterator[Finding]:
    """Every version that a stage recorded was committed by that stage."""
    recorded = {key: _commit(key, stage, record) for key, stage, record in ledger.stages}
    recorded |= {
        key: (layout.EPISODES, f"{key.removeprefix(FINAL)}-final", record["episodes_version"])
        for key, record in ledger.records.items()
        if key.startswith(FINAL)
    }
    commits = [(key, commit) for key, commit in recorded.items() if commit is not None]
    for table in store.tables:
        mine = [(key, name, version) for key, (where, name, version) in commits if where == table]
        due = [name for where, name in due_transactions(ledger) if where == table]
        try:
            found = store.tables[table].commits([*(name for _, name, _ in mine), *due])
        except StoreUnavailableError:
            raise
        except StoreError:
            continue  # Found when the table was opened.
        for key, name, version in mine:
            if found.get(name) != version:
                there = f"in version {found[name]}" if name in found else "never"
                problem = f"says that {name} was committed in version {version} of {table}; it was committed {there}"
                yield damage(Area.RECORDS, layout.record(key), problem)
        for name in due:
            if name in found:
                problem = f"{name} is committed in version {found[name]} and has no record yet: its stage goes on there"
                yield leftover(Area(table), f"{table}/", problem)


def _commit(key: str, stage: Stage, record: Mapping[str, Any]) -> Commit | None:
    """What the stage committed last."""
    number = key.split("/")[1]
    if stage is Stage.RELABEL:
        return layout.LABELS, f"{number}-relabel", record["labels_version"]
    if stage in (Stage.INGEST, Stage.COLLECT):
        return layout.EPISODES, f"{number}-{stage}", record["episodes_version"]
    if stage is Stage.EVALUATE:
        return layout.EPISODES, record["transactions"][-1], record["episodes_version"]
    return None


def due_transactions(ledger: Ledger) -> Iterator[tuple[str, str]]:
    """Table and transaction of stages that may be under way, and of those that a repaired iteration makes again."""
    due, finished = ledger.due, ledger.finished
    if finished is not None and not due.outcomes and final_key(finished.number) not in ledger.records:
        yield layout.EPISODES, f"{finished.number:04d}-final"
    for stage in due.remaining():
        if stage is Stage.RELABEL:
            yield layout.LABELS, f"{due.number:04d}-relabel"
        elif stage is Stage.EVALUATE and Stage.PLAN in due.outcomes:
            for name in transactions(due):
                yield layout.EPISODES, name
        elif stage in (Stage.INGEST, Stage.COLLECT):
            yield layout.EPISODES, f"{due.number:04d}-{stage}"
