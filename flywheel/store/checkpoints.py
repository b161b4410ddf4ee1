"""What training goes on from after a crash."""

from collections.abc import Mapping
from typing import Any

from flywheel.core.errors import CheckpointError
from flywheel.store import bundles, layout
from flywheel.store.objects import Objects
from flywheel.store.sealed import plain


class ObjectCheckpoints:
    """One bundle per checkpoint, `checkpoints/<policy id>/<update>/`. Implements `ports.Checkpoints`."""

    def __init__(self, *, objects: Objects) -> None:
        self._objects = objects

    def save(self, policy_id: str, update: int, files: Mapping[str, bytes], *, identity: Mapping[str, Any]) -> None:
        facts = {"update": update, "identity": identity}
        bundles.save(self._objects, layout.checkpoint(policy_id, update), files, facts, replace=True)

    def newest(self, policy_id: str, *, identity: Mapping[str, Any]) -> tuple[int, Mapping[str, bytes]] | None:
        wanted = plain(identity)
        for folder in reversed(self._folders(policy_id)):
            try:
                manifest = bundles.facts(self._objects, folder)
                if manifest is not None and manifest["identity"] == wanted:
                    return manifest["update"], bundles.load(self._objects, folder)
            except CheckpointError:
                continue  # A checkpoint is disposable: an older one only costs time.
        return None

    def delete(self, policy_id: str) -> None:
        for folder in self._folders(policy_id):
            bundles.discard(self._objects, folder)

    def _folders(self, policy_id: str) -> list[str]:
        """Sorted by update."""
        found = self._objects.keys(layout.checkpoints(policy_id))
        return sorted({f"{key.rpartition('/')[0]}/" for key in found})
