"""Pruning: older points go, and then the content that no point names.

A backup that is being made builds upon the newest point, upon what is younger than `FRESH`, and upon nothing else; and
when it is done it looks whether that point is still there. So it is enough to take points away first, to look then
which there are, and to leave young content alone.
"""

from dataclasses import dataclass
from datetime import datetime

from flywheel.backup.backing_up import FRESH
from flywheel.backup.parallel import each
from flywheel.backup.vault import Vault


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """What went."""

    points: tuple[str, ...]
    num_objects: int


def prune(vault: Vault, *, keep: int, now: datetime) -> Pruned:
    """The newest `keep` points stay, at least one. StoreError: one of them cannot be read; no content goes."""
    going = vault.names()[: -max(1, keep)]
    for name in going:
        vault.remove(name)
    needed = {digest for name in vault.names() for digest in vault.point(name).digests}
    idle = [digest for digest, at in vault.content().items() if digest not in needed and at < now - 2 * FRESH]
    gone = sum(1 for _ in each(vault.delete, idle))
    return Pruned(points=tuple(going), num_objects=gone)
