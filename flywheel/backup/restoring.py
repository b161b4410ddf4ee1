"""Restoring: a point becomes a store where there was none."""

from collections.abc import Mapping
from functools import partial
from hashlib import sha256

from flywheel.backup.parallel import each
from flywheel.backup.point import Copy, Point
from flywheel.backup.vault import Vault
from flywheel.core.errors import NewerSchemaError
from flywheel.store import identity, layout
from flywheel.store.blocks import blocks
from flywheel.store.objects import Objects
from flywheel.upkeep.finding import Progress


def restore(vault: Vault, point: Point, objects: Objects, progress: Progress = lambda what, done, total: None) -> int:
    """How many objects were written; those that an interrupted restore of the same point left count no more.

    Until all are there, the identity says that the store is being restored, and nobody works on it. ConfigError: there
    is something else. NewerSchemaError: a newer flywheel made the point. StoreError: the backup is damaged.
    """
    if point.store_version > identity.STORE_VERSION:
        raise NewerSchemaError(
            f"point {point.name}: of a store of schema version {point.store_version}, "
            f"this flywheel knows up to {identity.STORE_VERSION}: use a newer flywheel"
        )
    original = vault.get(point.objects[layout.IDENTITY].digest)
    identity.reserve(objects, f"{point.store_id}@{point.name}")
    there = {entry.key: entry.num_bytes for entry in objects.entries("")}
    rest = {key: copy for key, copy in point.objects.items() if key != layout.IDENTITY}
    written = 0
    for done, (_, wrote) in enumerate(each(partial(_placed, vault, objects, there), rest.items()), start=1):
        written += wrote
        progress("restoring", done, len(rest))
    objects.put(layout.IDENTITY, original)
    return written


def _placed(vault: Vault, objects: Objects, there: Mapping[str, int], named: tuple[str, Copy]) -> bool:
    """Whether it had to be written."""
    key, copy = named
    if there.get(key) == copy.num_bytes and _digest(objects, key) == copy.digest:
        return False
    objects.put_blocks(key, vault.blocks(copy.digest))
    return True


def _digest(objects: Objects, key: str) -> str:
    found = sha256()
    for block in blocks(objects, key):
        found.update(block)
    return found.hexdigest()
