"""The files of policy versions."""

from collections.abc import Mapping
from hashlib import sha256

from flywheel.core.policy import PolicyVersion
from flywheel.ports import Proof, unproven
from flywheel.store import bundles, layout
from flywheel.store.kept_files import KeptFiles
from flywheel.store.objects import Objects
from flywheel.store.sealed import taken


class ObjectPolicies:
    """One bundle per policy version, `policies/<policy id>/`. Implements `ports.Policies`."""

    def __init__(self, *, objects: Objects, kept: KeptFiles | None = None) -> None:
        """`kept`: files that `load` need not fetch from the store."""
        self._objects, self._kept = objects, kept

    def save(self, version: PolicyVersion, files: Mapping[str, bytes], *, proof: Proof = unproven) -> None:
        folder = layout.policy(version.policy_id)
        if bundles.facts(self._objects, folder) is not None:
            raise taken(self._objects, f"{folder}{layout.MANIFEST}")
        described = {
            "policy_id": version.policy_id,
            "iteration": version.iteration,
            "parent": version.parent,
            "digest": version.digest,
            "trained_on": dict(version.trained_on),
            "contract": version.contract,
            "recalls": list(version.recalls),
        }
        bundles.save(self._objects, folder, files, {"version": described}, proof=proof)

    def load(self, policy_id: str) -> Mapping[str, bytes]:
        return bundles.load(self._objects, layout.policy(policy_id), kept=self._kept)

    def version(self, policy_id: str) -> PolicyVersion | None:
        manifest = bundles.facts(self._objects, layout.policy(policy_id))
        if manifest is None:
            return None
        described = manifest["version"]
        return PolicyVersion(**{**described, "recalls": tuple(described.get("recalls", ()))})

    def digests(self, policy_id: str) -> Mapping[str, str]:
        stored = bundles.load(self._objects, layout.policy(policy_id))
        return {name: sha256(data).hexdigest() for name, data in stored.items()}
