"""What training goes on from after a crash."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flywheel.core.differences import Difference, differences
from flywheel.core.errors import CheckpointError
from flywheel.ports import Proof, unheard, unproven
from flywheel.store import bundles, layout
from flywheel.store.objects import Objects
from flywheel.store.sealed import plain


class ObjectCheckpoints:
    """One bundle per checkpoint, `checkpoints/<policy id>/<update>/`. Implements `ports.Checkpoints`."""

    def __init__(self, *, objects: Objects) -> None:
        self._objects = objects

    def save(
        self,
        policy_id: str,
        update: int,
        files: Mapping[str, bytes],
        *,
        identity: Mapping[str, Any],
        proof: Proof = unproven,
    ) -> None:
        facts = {"update": update, "identity": identity}
        bundles.save(self._objects, layout.checkpoint(policy_id, update), files, facts, replace=True, proof=proof)

    def newest(
        self,
        policy_id: str,
        *,
        identity: Mapping[str, Any],
        below: int | None = None,
        refuse: Callable[[str], None] = unheard,
    ) -> tuple[int, Mapping[str, bytes]] | None:
        wanted = plain(identity)
        for folder in reversed(self._folders(policy_id)):
            try:
                manifest = bundles.facts(self._objects, folder)
                if manifest is None or (below is not None and manifest["update"] >= below):
                    continue
                differing = list(differences(manifest["identity"], wanted))
                if not differing:
                    return manifest["update"], bundles.load(self._objects, folder)
                refuse(f"{folder} is not gone on from: it was made from other things: {_told(differing)}")
            except CheckpointError as failure:  # It is disposable: an older one only costs time.
                refuse(f"{folder} is not gone on from: {failure}")
        return None

    def delete(self, policy_id: str) -> None:
        for folder in self._folders(policy_id):
            bundles.discard(self._objects, folder)

    def _folders(self, policy_id: str) -> list[str]:
        """Sorted by update."""
        found = self._objects.keys(layout.checkpoints(policy_id))
        return sorted({f"{key.rpartition('/')[0]}/" for key in found})


def _told(differing: Sequence[Difference]) -> str:
    return "; ".join(f"{one.key} was {one.before}, is {one.now}" for one in differing)
