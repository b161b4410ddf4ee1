"""Nodes: the machines of a Ray cluster, and which of them what goes to. A laptop is one, and everything goes there."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import ray
from ray._common.constants import HEAD_NODE_RESOURCE_NAME
from ray.exceptions import RayError

NODE_ID = "ray.io/node-id"
"""Ray's own label."""
ROLE = "flywheel-role"
"""Label of Ray's nodes. A node with a role takes that part alone, one without takes every part."""
ROLLOUT, TRAIN, SERVE = "rollout", "train", "serve"
ROLES = ("head", ROLLOUT, SERVE, TRAIN)
ON_HEAD: Mapping[str, float] = {HEAD_NODE_RESOURCE_NAME: 0.001}
"""Resources of what must not be on a node that may vanish at any time: as Ray Serve places its controller."""

Found = TypeVar("Found")


def for_role(role: str) -> dict[str, str]:
    """The label selector of what plays the role. A head without CPUs is not to work: it serves at most."""
    selector = {ROLE: f"!in({','.join(other for other in ROLES if other != role)})"}
    spared = [node["NodeID"] for node in ray.nodes() if _is_head(node) and not node["Resources"].get("CPU")]
    if role != SERVE and spared:
        selector[NODE_ID] = f"!in({','.join(spared)})"
    return selector


def _is_head(node: Mapping[str, Any]) -> bool:
    return node["Alive"] and HEAD_NODE_RESOURCE_NAME in node["Resources"]


def this_node() -> dict[str, str]:
    """The label selector of what stays with its caller."""
    return {NODE_ID: ray.get_runtime_context().get_node_id()}


def addresses() -> dict[str, str]:
    """Node id -> IP address, of all that are alive."""
    return {node["NodeID"]: node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]}


def on_each(work: Callable[[], Found]) -> dict[str, Found | RayError]:
    """IP address of each living node -> what the work returned there, or why it did not."""
    task: Any = ray.remote(_done)
    at = {
        address: task.options(num_cpus=0, label_selector={NODE_ID: node}).remote(work)
        for node, address in addresses().items()
    }
    return {address: _outcome(reference) for address, reference in at.items()}


def _done(work: Callable[[], Found]) -> Found:
    return work()


def _outcome(reference: Any) -> Any:
    try:
        return ray.get(reference)
    except RayError as failure:
        return failure
