"""Ledger: what all records of a store say, and what is wrong with the records themselves."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from flywheel.core.control import Control
from flywheel.core.delivery import ATTEMPTS, DELIVERIES, Delivery
from flywheel.core.entry import CHAPTERS, CHRONICLE, entry_key
from flywheel.core.errors import NotFoundError, StoreError
from flywheel.core.exclusion import RECALLS
from flywheel.core.iteration import PRODUCTS, Iteration, Stage, record_key
from flywheel.core.spending import BUDGETS
from flywheel.journey import history, repeatable
from flywheel.store import identity, layout
from flywheel.store.sealed import unseal
from flywheel.store.whole import Store
from flywheel.upkeep.chronicle import check_chapters, read_chronicle
from flywheel.upkeep.finding import Area, Finding, damage

ITERATIONS = "iterations/"
FINAL = "final/"
GARBAGE = "garbage/"
REPAIRS = "repairs/"
MIGRATIONS = "migrations/"
VERSIONS = {"episodes_version": layout.EPISODES, "labels_version": layout.LABELS}
"""Product of a stage -> the table whose version it is."""


class _Readable:
    """`journey.Recorded`: a record that is damaged is as good as none."""

    def __init__(self, records: Mapping[str, Mapping[str, Any]]) -> None:
        self._records = records

    def keys(self, prefix: str) -> list[str]:
        return sorted(key for key in self._records if key.startswith(prefix))

    def read(self, key: str) -> dict[str, Any] | None:
        return dict(self._records[key]) if key in self._records else None


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """Readable records by their key, and findings about the others."""

    records: Mapping[str, Mapping[str, Any]]
    findings: tuple[Finding, ...]
    control: Control
    """What the entries of the chronicle add up to, as far as they can be read."""

    @cached_property
    def iterations(self) -> list[Iteration]:
        """In order; each up to its first stage without a record, or with a damaged one."""
        return history(_Readable(self.records))

    @cached_property
    def finished(self) -> Iteration | None:
        """The last that has all its records."""
        return next((some for some in reversed(self.iterations) if not some.remaining()), None)

    @cached_property
    def due(self) -> Iteration:
        """What a run goes on with: an iteration that was begun or asked for, one that lost a record, or a new one."""
        found = {some.number: some for some in self.iterations}
        last, control = max(found, default=-1), self.control
        begun = control.current or next(iter(control.queued), None)
        numbers = [status.number for status in (begun, repeatable(control)) if status is not None]
        numbers += [last] if last >= 0 and last not in control.iterations else []  # Nobody told of it.
        candidates = [found.get(number, Iteration(number=number)) for number in numbers]
        new = Iteration(number=max(last + 1, control.next_iteration))
        return next((some for some in candidates if some.remaining()), new)

    def goes_on(self, number: int) -> bool:
        """Whether a stage of the iteration without a record runs again. Not where the chronicle cannot be read."""
        status, repeated = self.control.iterations.get(number), repeatable(self.control)
        if status is None or any(finding.key.startswith(f"{layout.RECORDS}{CHRONICLE}") for finding in self.findings):
            return False
        return not status.state.is_terminal or (repeated is not None and repeated.number == number)

    @property
    def stages(self) -> Iterator[tuple[str, Stage, Mapping[str, Any]]]:
        """Key, stage and outcome of every readable record of a stage."""
        for key, record in self.records.items():
            stage = _stage(key)
            if stage is not None:
                yield key, stage, record

    @property
    def versions(self) -> dict[str, set[int]]:
        """Table -> its versions that a record names."""
        named: dict[str, set[int]] = {table: set() for table in VERSIONS.values()}
        for key, record in self.records.items():
            if key.startswith((ITERATIONS, FINAL)):
                for product, table in VERSIONS.items():
                    named[table] |= {record[product]} if isinstance(record.get(product), int) else set()
                for table, version in dict(record.get("trained_on", {})).items():
                    named.setdefault(table, set()).add(version)
        return named

    @property
    def pairs(self) -> set[tuple[int, int]]:
        """Versions of episodes and labels that a stage joined."""
        return {
            (record["episodes_version"], record["labels_version"])
            for _, stage, record in self.stages
            if stage is Stage.RELABEL
        }

    @property
    def lost(self) -> dict[str, str]:
        """Object that is gone on purpose -> why."""
        gone: dict[str, str] = {}
        for key, record in self.records.items():
            if key.startswith(GARBAGE):
                gone |= dict.fromkeys(record["deleted"], f"deleted by {key}")
            elif key.startswith(REPAIRS):
                gone |= {moved["key"]: f"quarantined by {key}: {moved['why']}" for moved in record["moved"]}
        return gone


def read_ledger(store: Store) -> Ledger:
    """Reads every record, whatever the others are like."""
    records: dict[str, Mapping[str, Any]] = {}
    findings = list(_identity(store))
    names = list(store.objects.keys(layout.RECORDS))
    for name in [*names, *_passed_over(store, names)]:
        key = name.removeprefix(layout.RECORDS).removesuffix(".json")
        try:
            records[key] = unseal(store.objects.get(name), name=name)
        except StoreError as failure:
            findings.append(damage(Area.RECORDS, name, failure))
    records = {key: record for key, record in records.items() if not (_complain(key, record, findings))}
    control, wrong = read_chronicle(records)
    wrong += check_chapters(records)
    unreadable = {finding.key for finding in findings}
    findings += [finding for finding in wrong if finding.key not in unreadable]
    ledger = Ledger(records=records, findings=tuple(findings), control=control)
    return replace(ledger, findings=(*findings, *_missing(ledger)))


def _passed_over(store: Store, names: Iterable[str]) -> Iterator[str]:
    """Entries of the chronicle that are there and not in a listing that was made while others were written."""
    prefix = layout.record(CHRONICLE).removesuffix(".json")
    listed = {name for name in names if name.startswith(prefix)}
    for number in range(len(listed)):
        name = layout.record(entry_key(number))
        if name not in listed:
            if not any(store.objects.keys(name)):
                return
            yield name


def next_key(store: Store, prefix: str) -> str:
    """The next number under the prefix."""
    numbers = [int(key.removeprefix(prefix)) for key in store.records.keys(prefix)]
    return f"{prefix}{max(numbers, default=0) + 1:04d}"


def _identity(store: Store) -> Iterator[Finding]:
    try:
        identity.read(store.objects, older=True)
    except NotFoundError:
        yield damage(Area.IDENTITY, layout.IDENTITY, "missing: it says which configuration the store belongs to")
    except StoreError as failure:
        yield damage(Area.IDENTITY, layout.IDENTITY, failure)


def _stage(key: str) -> Stage | None:
    """The stage whose outcome the record is."""
    number, _, name = key.removeprefix(ITERATIONS).partition("/")
    known = key.startswith(ITERATIONS) and number.isdigit() and name in list(Stage)
    return Stage(name) if known else None


def _complain(key: str, record: Mapping[str, Any], findings: list[Finding]) -> bool:
    """Whether the record lacks what it must hold."""
    stage = _stage(key)
    needed: tuple[str, ...] = () if stage is None else PRODUCTS[stage]
    for prefix, names in (
        (FINAL, ("policy_id", "episodes_version")),
        (GARBAGE, ("deleted",)),
        (REPAIRS, ("moved",)),
        (BUDGETS, ("anchor", "reason")),
        (RECALLS, ("policies", "episodes", "reason", "undoes")),
        (DELIVERIES, tuple(Delivery.__dataclass_fields__)),
        (ATTEMPTS, ("at",)),
        (CHAPTERS, ("entries",)),
        (MIGRATIONS, ("before", "after", "identity", "done")),
    ):
        needed = names if key.startswith(prefix) else needed
    missing = [name for name in needed if name not in record]
    if missing:
        findings.append(damage(Area.RECORDS, layout.record(key), f"damaged: it does not hold {', '.join(missing)}"))
    return bool(missing)


def _missing(ledger: Ledger) -> Iterator[Finding]:
    """Records of stages that the chronicle says are completed."""
    unreadable = {finding.key for finding in ledger.findings}
    for number, status in sorted(ledger.control.iterations.items()):
        for stage in status.stages:
            key = record_key(number, stage)
            if key not in ledger.records and layout.record(key) not in unreadable:
                yield damage(Area.RECORDS, layout.record(key), "missing: the chronicle says that the stage completed")
