"""Bundles: named files that are there together or not at all. Their manifest is written last."""

from collections.abc import Mapping
from functools import partial
from hashlib import sha256
from typing import Any

from flywheel.core.errors import (
    CheckpointError,
    NotFoundError,
    StoreError,
    StoreUnavailableError,
)
from flywheel.ports import Proof, unproven
from flywheel.store import layout
from flywheel.store.kept_files import KeptFiles
from flywheel.store.objects import Objects
from flywheel.store.sealed import put_sealed, seal, taken, unseal


def save(
    objects: Objects,
    folder: str,
    files: Mapping[str, bytes],
    facts: Mapping[str, Any],
    *,
    replace: bool = False,
    proof: Proof = unproven,
) -> None:
    """Writes the files, proves what is read back, writes the manifest, then removes what earlier attempts left.

    Files lie under names that begin with their digest: whoever writes other content at the same time, or loses the
    race for the manifest, harms nothing that a manifest names. RecordExistsError: a finished bundle is there and
    `replace` is off. CheckpointError: what is read back is not what was written, or the proof refuses it; then there
    is no manifest.
    """
    entries = {}
    for name, data in files.items():
        digest = sha256(data).hexdigest()
        entries[name] = {"object": f"{digest[:16]}-{name}", "sha256": digest, "num_bytes": len(data)}
        objects.put(f"{folder}{entries[name]['object']}", data)
    try:
        proof({name: check(objects, folder, name, entry) for name, entry in entries.items()})
    except CheckpointError as failure:
        if not replace and is_finished(objects, folder):  # whose writer removed what its manifest does not name
            raise taken(objects, f"{folder}{layout.MANIFEST}") from failure
        raise
    key = f"{folder}{layout.MANIFEST}"
    manifest = {"files": entries, **facts}
    if replace:
        objects.put(key, seal(manifest, name=key))
    else:
        put_sealed(objects, key, manifest)
    kept = {key, *(f"{folder}{entry['object']}" for entry in entries.values())}
    for stale in [found for found in objects.keys(folder) if found not in kept]:
        objects.delete(stale)


def is_finished(objects: Objects, folder: str) -> bool:
    """Whether it has a manifest, damaged or not."""
    key = f"{folder}{layout.MANIFEST}"
    return key in objects.keys(key)


def facts(objects: Objects, folder: str) -> dict[str, Any] | None:
    """The manifest; None where nothing was finished. CheckpointError: it is damaged."""
    key = f"{folder}{layout.MANIFEST}"
    try:
        return unseal(objects.get(key), name=key)
    except NotFoundError:
        return None
    except StoreUnavailableError:
        raise
    except StoreError as failure:
        raise CheckpointError(str(failure)) from failure


def load(objects: Objects, folder: str, *, kept: KeptFiles | None = None) -> dict[str, bytes]:
    """File name -> bytes, each checked. CheckpointError names the file and what is wrong with it.

    `kept`: where files may be that were fetched before; the manifest is always the store's.
    """
    manifest = facts(objects, folder)
    if manifest is None:
        raise CheckpointError(f"{folder}: was never finished: it has no {layout.MANIFEST}")
    files = {}
    for name, entry in manifest["files"].items():
        fetch = partial(check, objects, folder, name, entry)
        files[name] = fetch() if kept is None else kept.get(entry["sha256"], fetch)
    return files


def discard(objects: Objects, folder: str) -> None:
    """Deletes it. The manifest goes first: what a crash leaves is unfinished, not damaged."""
    objects.delete(f"{folder}{layout.MANIFEST}")
    for key in list(objects.keys(folder)):
        objects.delete(key)


def check(objects: Objects, folder: str, name: str, entry: Mapping[str, Any]) -> bytes:
    """A file's bytes. CheckpointError: they are not what its entry in the manifest says."""
    key = f"{folder}{entry['object']}"
    try:
        data = objects.get(key)
    except NotFoundError as failure:
        raise CheckpointError(f"{key}: file {name} is missing") from failure
    if len(data) != entry["num_bytes"]:
        raise CheckpointError(f"{key}: file {name} has {len(data)} bytes, its manifest says {entry['num_bytes']}")
    if sha256(data).hexdigest() != entry["sha256"]:
        raise CheckpointError(f"{key}: file {name} is damaged: its sha256 is not the manifest's")
    return data
