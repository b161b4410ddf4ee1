"""Garbage collection: deletes what no version that counts holds. What goes is recorded before it goes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flywheel.core.errors import CheckpointError
from flywheel.store import bundles, layout
from flywheel.store.keys import ObjectEntry
from flywheel.store.whole import Store
from flywheel.upkeep.bundles import folders
from flywheel.upkeep.files import parts
from flywheel.upkeep.finding import Area, Progress
from flywheel.upkeep.kept import Kept, kept
from flywheel.upkeep.ledger import GARBAGE, next_key
from flywheel.upkeep.logs import old_logs
from flywheel.upkeep.videos import videos

KEYS_PER_RECORD = 10_000
"""Bounds the size of one record."""


@dataclass(frozen=True, kw_only=True)
class Garbage:
    """An object that nothing needs."""

    area: Area
    entry: ObjectEntry


@dataclass(frozen=True, kw_only=True)
class GarbagePlan:
    """What would go, and what stays although older versions than the newest hold it."""

    kept: Kept
    before: datetime
    """Younger objects stay."""
    garbage: tuple[Garbage, ...]

    @property
    def num_bytes(self) -> int:
        return sum(some.entry.num_bytes for some in self.garbage)


def plan_garbage(
    store: Store,
    *,
    rollback_versions: int,
    grace: timedelta,
    now: datetime,
    video_age: timedelta | None = None,
    max_log_age_iterations: int | None = None,
) -> GarbagePlan:
    """`video_age`, `max_log_age_iterations`: older videos and logs go; None: no age is too old.

    StoreError: something is damaged, so that nobody can tell what is needed.
    """
    keeping, before = kept(store, rollback_versions=rollback_versions), now - grace
    found = [
        *_of_tables(store, keeping),
        *_of_policies(store, keeping),
        *_of_checkpoints(store, keeping),
        *_of_videos(store, keeping, made_before=None if video_age is None else now - video_age),
        *_of_logs(store, keeping, max_log_age_iterations),
    ]
    return GarbagePlan(
        kept=keeping, before=before, garbage=tuple(some for some in found if some.entry.modified_at < before)
    )


def collect_garbage(store: Store, plan: GarbagePlan, progress: Progress = lambda what, done, total: None) -> list[str]:
    """Deletes it and returns the keys of the records that say so. An object that somebody wrote anew since stays."""
    records: list[str] = []
    for first in range(0, len(plan.garbage), KEYS_PER_RECORD):
        some = plan.garbage[first : first + KEYS_PER_RECORD]
        records.append(_record(store, plan, some))
        for done, garbage in enumerate(some, start=first + 1):
            if _unchanged(store, garbage.entry):
                store.objects.delete(garbage.entry.key)
            progress("deleting", done, len(plan.garbage))
    return records


def _of_tables(store: Store, keeping: Kept) -> Iterator[Garbage]:
    for name, table in store.tables.items():
        needed = {file.key for version in keeping.versions[name] for file in table.files(version)}
        for key, entry in parts(store, name).items():
            if key not in needed:
                yield Garbage(area=Area(name), entry=entry)


def _of_policies(store: Store, keeping: Kept) -> Iterator[Garbage]:
    """Files of attempts that died. A finished version stays for ever: its lineage is asked for."""
    for folder, entries in folders(store, layout.POLICIES).items():
        if folder == layout.policy(keeping.in_training):
            continue
        try:
            manifest = bundles.facts(store.objects, folder)
        except CheckpointError:
            continue  # Repair is for what is damaged.
        if manifest is None and any(folder == layout.policy(policy_id) for policy_id in keeping.trained):
            continue  # A lost manifest: the weights may be all that is left of the version.
        named = set() if manifest is None else {f"{folder}{file['object']}" for file in manifest["files"].values()}
        for entry in entries:
            if entry.key not in named and (manifest is None or entry.key != f"{folder}{layout.MANIFEST}"):
                yield Garbage(area=Area.POLICIES, entry=entry)


def _of_checkpoints(store: Store, keeping: Kept) -> Iterator[Garbage]:
    """All checkpoints of finished versions, and of trainings that will never be."""
    for folder, entries in folders(store, layout.CHECKPOINTS).items():
        policy_id = folder.removeprefix(layout.CHECKPOINTS).split("/")[0]
        # An iteration that was cancelled or failed is never gone on with.
        over = (len(policy_id), policy_id) < (len(keeping.in_training), keeping.in_training)
        if over or (policy_id != keeping.in_training and store.policies.version(policy_id) is not None):
            for entry in entries:
                yield Garbage(area=Area.CHECKPOINTS, entry=entry)


def _of_videos(store: Store, keeping: Kept, *, made_before: datetime | None) -> Iterator[Garbage]:
    """Of episodes that are gone, and old ones. Who asks for such a video again has it made again."""
    found = videos(store)
    versions = keeping.versions[layout.EPISODES] if found else ()
    known = {some.episode_id for version in versions for some in store.episodes.summaries(version=version)}
    for episode_id, entry in found.items():
        if episode_id not in known or (made_before is not None and entry.modified_at < made_before):
            yield Garbage(area=Area.VIDEOS, entry=entry)


def _of_logs(store: Store, keeping: Kept, max_age_iterations: int | None) -> Iterator[Garbage]:
    old = old_logs(store, newest_iteration=keeping.newest_iteration, max_age_iterations=max_age_iterations)
    return (Garbage(area=Area.LOGS, entry=entry) for entry in old)


def _record(store: Store, plan: GarbagePlan, some: Sequence[Garbage]) -> str:
    key = next_key(store, GARBAGE)
    content = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "modified_before": plan.before.isoformat(timespec="seconds"),
        "kept_policies": list(plan.kept.policies),
        "kept_versions": {name: sorted(versions) for name, versions in plan.kept.versions.items()},
        "deleted": [garbage.entry.key for garbage in some],
        "num_bytes": sum(garbage.entry.num_bytes for garbage in some),
    }
    store.records.write(key, content)
    return key


def _unchanged(store: Store, entry: ObjectEntry) -> bool:
    """Whether it is the object that was judged: a collector may have made the same episodes again."""
    return any(found == entry for found in store.objects.entries(entry.key))
