"""Policy versions with untrained networks, on a real store."""

from networks import CONTRACT, SIZES, make_network

from flywheel.core.contract import Contract
from flywheel.core.policy import PolicyVersion
from flywheel.learning import codec
from flywheel.store.objects import open_objects
from flywheel.store.policies import ObjectPolicies


def policies_of(store: str) -> ObjectPolicies:
    return ObjectPolicies(objects=open_objects(store))


def policy_files(*, seed: int, contract: Contract = CONTRACT) -> dict[str, bytes]:
    """Other seeds act otherwise."""
    return {
        codec.WEIGHTS: codec.tensors_to_bytes(make_network(contract, seed=seed).state_dict()),
        codec.ARCHITECTURE: codec.architecture_to_bytes(contract, SIZES),
    }


def save_policy(store: str, policy_id: str, files: dict[str, bytes]) -> None:
    version = PolicyVersion(policy_id=policy_id, iteration=0, parent=None, digest="0" * 64, trained_on={})
    policies_of(store).save(version, files)
