"""Migration: a store of an older schema version becomes one of this flywheel's, one version at a time.

A step adds, and changes nothing that is there: records, tables and policies stay as they are, byte by byte. What it
adds is written put-if-absent, under names that follow from what is there. Then a record says what was done and keeps
the identity as it was, and last the identity is replaced, in one write. Until then the store is of the older version,
and whoever repeats the migration finds what is done. Processes of an older flywheel that run meanwhile go on.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from flywheel.config import parse
from flywheel.core.code_version import CODE_VERSION
from flywheel.core.differences import differences
from flywheel.core.errors import RecordExistsError
from flywheel.store import identity, layout
from flywheel.store.chronicle import CHAPTER, RecordedChronicle, utc_now
from flywheel.store.whole import Store
from flywheel.upkeep.finding import Progress
from flywheel.upkeep.ledger import MIGRATIONS

Work = Callable[[Store, bool], list[str]]
"""What there is to do, or was done, in words; done only where the flag is set."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """From all versions before it."""

    to: int
    does: tuple[Work, ...]


@dataclass(frozen=True, kw_only=True)
class Migrated:
    """One step that was, or would be, taken."""

    before: int
    after: int
    done: tuple[str, ...]


def chapters(store: Store, yes: bool) -> list[str]:
    """Chronicles from before there were chapters would be read entry by entry by every process that starts."""
    chronicle = RecordedChronicle(records=store.records)
    due = len(chronicle.control().entries) // CHAPTER
    if yes:
        chronicle.copy()
    return [f"chapters of the chronicle: {due}"] if due else []


def named(store: Store, yes: bool) -> list[str]:
    """The name is what traces of iterations were named by until now, so they stay the same."""
    return [f"the store's name: {identity.read(store.objects, older=True).store_id}"]


def settings(store: Store, yes: bool) -> list[str]:
    """Settings that came since get the value that means what was done before, so that the same file still fits."""
    found = identity.read(store.objects, older=True)
    added = differences(found.config, _today(store, found))
    return [f"the setting {one.key}: {one.now}" for one in added]


STEPS = (Step(to=3, does=(chapters, named, settings)),)
"""In order. Version 2 differs from 1 in sealed objects alone, which are read as they are."""


def plan_migration(store: Store) -> list[Migrated]:
    """What `migrate` would do. Errors: as `identity.read`."""
    version = identity.read(store.objects, older=True).version
    return list(_taken(store, [step for step in STEPS if step.to > version], version, yes=False))


def migrate(store: Store, progress: Progress = lambda what, done, total: None) -> list[Migrated]:
    """The steps that were taken; none where the store is of this version. Whoever was killed in one begins it again."""
    found: list[Migrated] = []
    version = identity.read(store.objects, older=True).version
    steps = [step for step in STEPS if step.to > version]
    for taken in _taken(store, steps, version, yes=True):
        _conclude(store, taken)
        found.append(taken)
        progress("migrating", len(found), len(steps))
    return found


def _taken(store: Store, steps: list[Step], version: int, *, yes: bool) -> Iterator[Migrated]:
    for step in steps:
        done = tuple(line for work in step.does for line in work(store, yes))
        yield Migrated(before=version, after=step.to, done=done)
        version = step.to


def _conclude(store: Store, taken: Migrated) -> None:
    found = identity.read(store.objects, older=True)
    record = {
        "before": taken.before,
        "after": taken.after,
        "done": list(taken.done),
        "identity": store.objects.get(layout.IDENTITY).decode(),
        "by": CODE_VERSION,
        "at": utc_now(),
    }
    with suppress(RecordExistsError):  # Whoever wrote it died before it replaced the identity, or is about to do so.
        store.records.write(f"{MIGRATIONS}{taken.after:04d}", record)
    identity.raise_to(store.objects, replace(found, version=taken.after, config=_today(store, found)))


def _today(store: Store, found: identity.Identity) -> dict[str, Any]:
    """The configuration with every setting that there is."""
    return parse(found.config, origin=store.url).model_dump(mode="json")
