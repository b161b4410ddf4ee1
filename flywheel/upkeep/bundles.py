"""Whether policy versions and checkpoints are whole."""

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from flywheel.core.errors import CheckpointError, StoreError
from flywheel.core.iteration import Stage
from flywheel.store import bundles, layout
from flywheel.store.keys import ObjectEntry
from flywheel.store.whole import Store
from flywheel.upkeep.finding import Area, Finding, Progress, damage, leftover
from flywheel.upkeep.ledger import Ledger

AREAS = {layout.POLICIES: Area.POLICIES, layout.CHECKPOINTS: Area.CHECKPOINTS}


def folders(store: Store, prefix: str) -> dict[str, list[ObjectEntry]]:
    """Folder of each bundle -> its objects."""
    found = groupby(store.objects.entries(prefix), key=lambda entry: f"{entry.key.rpartition('/')[0]}/")
    return {folder: list(entries) for folder, entries in found}


def check_bundles(store: Store, ledger: Ledger, *, quick: bool, progress: Progress) -> Iterator[Finding]:
    """Every file that a manifest names is there and is what was written; every version that a record names is there.

    `quick` compares sizes only.
    """
    for prefix, area in AREAS.items():
        found = folders(store, prefix)
        for done, (folder, entries) in enumerate(found.items(), start=1):
            yield from _check_bundle(store, folder, entries, area=area, quick=quick)
            progress(str(area), done, len(found))
    yield from _check_named(store, ledger)


def _check_bundle(
    store: Store, folder: str, entries: list[ObjectEntry], *, area: Area, quick: bool
) -> Iterator[Finding]:
    try:
        manifest = bundles.facts(store.objects, folder)
    except CheckpointError as failure:
        yield damage(area, f"{folder}{layout.MANIFEST}", failure)
        return
    if manifest is None:
        yield leftover(area, folder, f"unfinished: {len(entries)} file(s) and no {layout.MANIFEST}")
        return
    yield from _check_files(store, folder, manifest["files"], entries, area=area, quick=quick)


def _check_files(
    store: Store, folder: str, files: Mapping[str, Any], entries: list[ObjectEntry], *, area: Area, quick: bool
) -> Iterator[Finding]:
    sizes = {entry.key: entry.num_bytes for entry in entries}
    named = {f"{folder}{entry['object']}": (name, entry) for name, entry in files.items()}
    for key, (name, entry) in named.items():
        if key not in sizes:
            yield damage(area, key, f"file {name} is missing")
        elif sizes[key] != entry["num_bytes"]:
            yield damage(area, key, f"file {name} has {sizes[key]} bytes, its manifest says {entry['num_bytes']}")
        elif not quick:
            try:
                bundles.check(store.objects, folder, name, entry)
            except StoreError as failure:
                yield damage(area, key, failure)
    for key in sorted(sizes.keys() - named.keys() - {f"{folder}{layout.MANIFEST}"}):
        yield leftover(area, key, "its manifest does not name it")


def _check_named(store: Store, ledger: Ledger) -> Iterator[Finding]:
    """The versions that training recorded are those that are stored."""
    for key, stage, record in ledger.stages:
        if stage is not Stage.TRAIN:
            continue
        name = f"{layout.policy(record['policy_id'])}{layout.MANIFEST}"
        try:
            version = store.policies.version(record["policy_id"])
        except CheckpointError:
            continue  # Found when the manifest was checked.
        if version is None:
            yield damage(Area.POLICIES, name, f"missing: record {key} names the policy version")
            continue
        for what in ("digest", "parent", "trained_on"):
            stored = getattr(version, what)
            if stored != record[what]:
                yield damage(Area.POLICIES, name, f"its {what} is {stored}, record {key} says {record[what]}")
