"""Networks and contracts as bytes: safetensors for numbers, JSON for the rest, nothing pickled."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from flywheel.core.contract import Contract, Modality
from flywheel.core.errors import CheckpointError
from flywheel.learning.acting import Actor
from flywheel.learning.actor_critic import ActorCritic

WEIGHTS = "weights.safetensors"
"""What acts: the target network, with its normalisation statistics."""
LEARNER = "learner.safetensors"
"""What training goes on from: both networks and the optimiser."""
ARCHITECTURE = "architecture.json"
"""The contract and the network's sizes."""


def tensors_to_bytes(tensors: Mapping[str, Tensor]) -> bytes:
    """Safetensors."""
    return safetensors.torch.save(dict(tensors))


def tensors_from_bytes(data: bytes, *, origin: str) -> dict[str, Tensor]:
    """CheckpointError: not safetensors."""
    try:
        return safetensors.torch.load(data)
    except safetensors.SafetensorError as failure:
        raise CheckpointError(f"{origin}: not readable as safetensors: {failure}") from failure


def architecture_to_bytes(contract: Contract, network: Mapping[str, Any]) -> bytes:
    """The contract and the network's keyword arguments, as JSON."""
    plain = asdict(contract)
    del plain["action_size"]
    return json.dumps({"contract": plain, "network": dict(network)}, indent=1, sort_keys=True).encode()


def architecture_from_bytes(data: bytes, *, origin: str) -> tuple[Contract, dict[str, Any]]:
    """CheckpointError: not what `architecture_to_bytes` wrote."""
    try:
        plain = json.loads(data)
        contract = plain["contract"]
        return (
            Contract(
                modalities={name: Modality(**some) for name, some in contract["modalities"].items()},
                differences={name: (a, b) for name, (a, b) in contract["differences"].items()},
                tasks=tuple(contract["tasks"]),
                presence={task: tuple(names) for task, names in contract["presence"].items()},
                action_sizes=contract["action_sizes"],
                history=contract["history"],
            ),
            plain["network"],
        )
    except (ValueError, KeyError, TypeError, AttributeError) as failure:
        raise CheckpointError(f"{origin}: not an architecture: {failure!r}") from failure


def load_actor(files: Mapping[str, bytes], *, origin: str) -> Actor:
    """The acting network of a policy version. CheckpointError: a file is missing or does not fit."""
    missing = [name for name in (ARCHITECTURE, WEIGHTS) if name not in files]
    if missing:
        raise CheckpointError(f"{origin}: {', '.join(missing)} is missing")
    contract, sizes = architecture_from_bytes(files[ARCHITECTURE], origin=origin)
    weights = tensors_from_bytes(files[WEIGHTS], origin=origin)
    try:
        network = ActorCritic(contract=contract, **sizes)
    except (TypeError, KeyError, ValueError, RuntimeError) as failure:
        raise CheckpointError(f"{origin}: not a network that this version makes: {failure!r}") from failure
    try:
        network.load_state_dict(weights)
    except RuntimeError as failure:
        raise CheckpointError(f"{origin}: the weights do not fit the network: {failure}") from failure
    return Actor(network=network, contract=contract)
