"""Small contracts, networks and batches for tests of what is learned."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
import torch

from flywheel.core.contract import Body, Contract, Modality, unite
from flywheel.core.transition import TransitionBatch
from flywheel.learning.actor_critic import ActorCritic
from flywheel.learning.learner import Learner
from flywheel.learning.objective import TensorBatch

REACH = Body(
    modalities={"hand": Modality(width=2), "goal": Modality(width=2)},
    differences={"to_goal": ("goal", "hand")},
    action_size=2,
    decision_s=0.1,
)
TURN = Body(
    modalities={"hand": Modality(width=2), "angle": Modality(width=1)}, differences={}, action_size=1, decision_s=0.1
)
CONTRACT = unite({"suite/reach": REACH, "suite/turn": TURN}, history=2)
"""Both have a hand; only reach has a goal and its second action dimension, only turn has an angle."""

SIZES: Mapping[str, Any] = {
    "width": 8,
    "num_latents": 3,
    "num_blocks": 2,
    "num_heads": 2,
    "num_action_bins": 5,
    "num_return_bins": 6,
    "return_range": (0.0, 1.0),
}

SETTINGS: Mapping[str, Any] = {
    "critic_weight": 1.0,
    "num_sampled_actions": 4,
    "num_bootstrap_actions": 2,
    "target_rate": 0.1,
    "weight_decay": 1e-4,
    "warmup_updates": 0,
    "max_gradient_norm": 1.0,
}


def make_network(contract: Contract = CONTRACT, *, seed: int = 0, spread: float = 0.5, **changes: Any) -> ActorCritic:
    """Every parameter is moved away from where training starts, so that none is zero and each one matters."""
    torch.manual_seed(seed)
    network = ActorCritic(contract=contract, **{**SIZES, **changes})
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += spread * torch.randn_like(parameter)
    return network


def make_learner(contract: Contract = CONTRACT, *, sizes: Mapping[str, Any] | None = None, **changes: Any) -> Learner:
    settings = {"bc_weight": 0.3, "temperature": 0.1, "learning_rate": 1e-3, "seed": 3, **SETTINGS, **changes}
    return Learner(network=lambda: ActorCritic(contract=contract, **{**SIZES, **(sizes or {})}), **settings)


def make_batch(contract: Contract = CONTRACT, *, size: int = 6, seed: int = 0) -> TransitionBatch:
    """Tasks take turns; missing modalities and unused action dimensions are zeros, as the sampler leaves them."""
    rng = np.random.default_rng(seed)
    tasks = np.arange(size) % len(contract.tasks)
    sizes = np.array([contract.action_sizes[task] for task in contract.tasks])[tasks]
    actions = rng.uniform(-1, 1, (size, contract.action_size)) * (np.arange(contract.action_size) < sizes[:, None])
    return TransitionBatch(
        observations=_observations(contract, tasks, rng),
        next_observations=_observations(contract, tasks, rng),
        tasks=tasks,
        actions=actions.astype(np.float32),
        returns=rng.random(size, np.float32),
        discounts=np.where(rng.random(size) < 0.3, 0.0, 0.9).astype(np.float32),
        cloned=np.ones(size, np.float32),
        observed_returns=np.linspace(0.0, 0.5, size, dtype=np.float32),
        unobserved_discounts=np.linspace(0.0, 0.8, size, dtype=np.float32),
    )


def _observations(contract: Contract, tasks: Any, rng: np.random.Generator) -> dict[str, Any]:
    observations = {}
    for name, modality in contract.modalities.items():
        present = np.array([name in contract.presence[task] for task in contract.tasks])[tasks]
        values = rng.normal(size=(len(tasks), contract.history, modality.width))
        observations[name] = (values * present[:, None, None]).astype(np.float32)
    return observations


def tensors(batch: TransitionBatch) -> TensorBatch:
    names = {field.name for field in fields(TensorBatch)}
    values = {name: some for name, some in vars(batch).items() if name in names and isinstance(some, np.ndarray)}
    return TensorBatch(
        observations={name: torch.from_numpy(some) for name, some in batch.observations.items()},
        next_observations={name: torch.from_numpy(some) for name, some in batch.next_observations.items()},
        **{name: torch.from_numpy(some) for name, some in values.items()},
    )


def answer_always(network: ActorCritic, *, policy: Any = None, returns: Any = None) -> ActorCritic:
    """Whatever it sees: these probabilities of the action bins [A, V], these of the return bins [K]."""
    with torch.no_grad():
        for head, probabilities in ((network.policy_head, policy), (network.critic_head, returns)):
            if probabilities is not None:
                head.weight.zero_()
                head.bias.copy_(torch.tensor(probabilities).log().flatten())
    return network
