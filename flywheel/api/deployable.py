"""What must hold of a policy version before a person makes it live."""

from collections.abc import Mapping
from typing import Any

from flywheel.api.plane import Plane
from flywheel.core.errors import CheckpointError, ConflictError, UnknownError
from flywheel.core.iteration import Stage, record_key
from flywheel.core.policy import PolicyVersion


def finished(plane: Plane, policy_id: str) -> PolicyVersion:
    """UnknownError: there is none, or its training never finished. ConflictError: its manifest is damaged."""
    try:
        version = plane.policies.version(policy_id)
    except CheckpointError as failure:
        raise ConflictError(f"{policy_id} is damaged: {failure}") from failure
    if version is None:
        raise UnknownError(f"there is no policy version {policy_id}")
    return version


def check_deployable(plane: Plane, policy_id: str) -> None:
    """UnknownError: there is none. ConflictError: its files are not those that training saved."""
    version = finished(plane, policy_id)
    try:
        digests = plane.policies.digests(policy_id)
    except CheckpointError as failure:
        raise ConflictError(f"{policy_id} is damaged: {failure}") from failure
    trained = outcome(plane, version, Stage.TRAIN)
    recorded = digests if trained is None else trained["file_digests"]
    wrong = sorted(name for name in {*digests, *recorded} if digests.get(name) != recorded.get(name))
    if wrong:
        raise ConflictError(f"{policy_id} is damaged: {', '.join(wrong)} is not what its training recorded")


def outcome(plane: Plane, version: PolicyVersion, stage: Stage) -> Mapping[str, Any] | None:
    """What a stage of the version's own iteration recorded of it; None: nothing."""
    record = plane.records.read(record_key(version.iteration, stage))
    return record if record is not None and record.get("policy_id") == version.policy_id else None
