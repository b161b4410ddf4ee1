"""The files of policy versions."""

from collections.abc import Mapping

from flywheel.core.policy import PolicyVersion
from flywheel.store import bundles, layout
from flywheel.store.objects import Objects
from flywheel.store.sealed import taken


class ObjectPolicies:
    """One bundle per policy version, `policies/<policy id>/`. Implements `ports.Policies`."""

    def __init__(self, *, objects: Objects) -> None:
        self._objects = objects

    def save(self, version: PolicyVersion, files: Mapping[str, bytes]) -> None:
        folder = layout.policy(version.policy_id)
        if bundles.facts(self._objects, folder) is not None:
            raise taken(self._objects, f"{folder}{layout.MANIFEST}")
        described = {
            "policy_id": version.policy_id,
            "iteration": version.iteration,
            "parent": version.parent,
            "digest": version.digest,
            "trained_on": dict(version.trained_on),
            "recalls": list(version.recalls),
        }
        bundles.save(self._objects, folder, files, {"version": described})

    def load(self, policy_id: str) -> Mapping[str, bytes]:
        return bundles.load(self._objects, layout.policy(policy_id))

    def version(self, policy_id: str) -> PolicyVersion | None:
        manifest = bundles.facts(self._objects, layout.policy(policy_id))
        if manifest is None:
            return None
        described = manifest["version"]
        return PolicyVersion(**{**described, "recalls": tuple(described.get("recalls", ()))})
