"""ActorCritic as an RLlib module: RLlib rolls out and trains our checkpoints, and what it trained can be deployed."""

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
import torch
from ray.rllib.core.columns import Columns
from ray.rllib.core.distribution.distribution import Distribution
from ray.rllib.core.distribution.torch.torch_distribution import TorchDeterministic
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from ray.rllib.core.rl_module.torch.torch_rl_module import TorchRLModule
from torch import Tensor

from flywheel.core.contract import modality_names
from flywheel.core.errors import ConfigError
from flywheel.learning import codec
from flywheel.learning.actor_critic import ActorCritic


class BinnedActions(Distribution):
    """Actions [B, A] in [-1, 1]: each dimension a categorical of its own over the network's action values."""

    def __init__(self, *, logits: Tensor, network: ActorCritic) -> None:
        """[B, A, V]."""
        super().__init__()
        self._network, self._logits = network, logits
        self._bins = torch.distributions.Categorical(logits=logits)

    @classmethod
    def from_logits(cls, logits: Any, **settings: Any) -> "BinnedActions":
        """[B, A * V], as the module gives them, and its `network`."""
        network: ActorCritic = settings["network"]
        return cls(logits=logits.unflatten(-1, (-1, network.num_action_bins)).float(), network=network)

    def sample(self, *, sample_shape: Any = (), **_: Any) -> Tensor:
        return self._network.action_values[self._bins.sample(torch.Size(sample_shape))]

    def rsample(self, **_: Any) -> Tensor:
        raise NotImplementedError("bins have no reparameterised samples")

    def logp(self, value: Any, **_: Any) -> Tensor:
        """Of the bins nearest to the actions [B, A], summed over the dimensions: [B]."""
        log_probs: Tensor = self._bins.log_prob(self._network.bins_of(value)).sum(-1)
        return log_probs

    def entropy(self, **_: Any) -> Tensor:
        total: Tensor = self._bins.entropy().sum(-1)
        return total

    def kl(self, other: Distribution, **_: Any) -> Tensor:
        assert isinstance(other, BinnedActions)
        total: Tensor = torch.distributions.kl_divergence(self._bins, other._bins).sum(-1)
        return total

    def to_deterministic(self) -> TorchDeterministic:
        """The actions that `learning.acting` takes as the most likely ones."""
        return TorchDeterministic(self._network.action_values[self._network.most_likely(self._logits)])

    @staticmethod
    def required_input_dim(space: gymnasium.Space[Any], **settings: Any) -> int:
        """A * V, of the `network`."""
        assert space.shape is not None
        return int(np.prod(space.shape)) * int(settings["network"].num_action_bins)


class ActorCriticModule(TorchRLModule):
    """One task of a policy. Observations: modality -> [B, D], or the task's side by side in the contract's order.

    `model_config`: `architecture`, the policy's architecture.json as text, and `task`. Actions are in [-1, 1]: RLlib
    scales them to the environment's (`normalize_actions`).
    """

    def setup(self) -> None:
        """ConfigError: the policy sees more than one observation, which RLlib does not hand over."""
        settings: Any = self.model_config
        self.architecture: bytes = settings["architecture"].encode()
        contract, sizes = codec.architecture_from_bytes(self.architecture, origin="model_config.architecture")
        task = settings["task"]
        if contract.history != 1:
            raise ConfigError(f"model_config.architecture: history {contract.history}; RLlib shows one observation")
        self.contract, self._task = contract, contract.tasks.index(task)
        self._names = modality_names(contract, task)
        self._widths = {name: contract.modalities[ours].width for name, ours in self._names.items()}
        self._action_size = contract.action_sizes[task]
        self.network = ActorCritic(contract=contract, **sizes)
        distribution: Any = BinnedActions
        self.action_dist_cls = distribution.get_partial_dist_cls(network=self.network)

    def _forward(self, batch: Mapping[str, Any], **_: Any) -> dict[str, Tensor]:
        """Logits of the task's own action dimensions, [B, A * V]."""
        observations = self._modalities(batch[Columns.OBS])
        size = len(next(iter(observations.values())))
        tasks = torch.full((size,), self._task, device=self.network.action_values.device)
        logits = self.network.policy_logits(self.network.encode(observations, tasks))
        return {Columns.ACTION_DIST_INPUTS: logits[:, : self._action_size].flatten(1)}

    def _modalities(self, observed: Tensor | Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The contract's modalities, [B, 1, D] each; zeros where the task lacks one."""
        if isinstance(observed, Mapping):
            parts = {name: observed[name] for name in self._names}
        else:
            split = observed.split(list(self._widths.values()), dim=-1)
            parts = dict(zip(self._names, split, strict=True))
        first = next(iter(parts.values()))
        found = {self._names[name]: values[:, None].float() for name, values in parts.items()}
        return {
            name: found[name] if name in found else first.new_zeros(len(first), 1, modality.width, dtype=torch.float32)
            for name, modality in self.contract.modalities.items()
        }


def spec_of(files: Mapping[str, bytes], task: str) -> RLModuleSpec:
    """For `AlgorithmConfig.rl_module`: an untrained module of a policy version's architecture, for one of its tasks.

    ConfigError: the policy has no such task.
    """
    contract, _ = codec.architecture_from_bytes(files[codec.ARCHITECTURE], origin=codec.ARCHITECTURE)
    if task not in contract.tasks:
        raise ConfigError(f"task {task} is not one of {', '.join(contract.tasks)}")
    width = sum(contract.modalities[name].width for name in contract.presence[task])
    return RLModuleSpec(
        module_class=ActorCriticModule,
        observation_space=gymnasium.spaces.Box(-np.inf, np.inf, (width,), np.float32),
        action_space=gymnasium.spaces.Box(-1.0, 1.0, (contract.action_sizes[task],), np.float32),
        model_config={"architecture": files[codec.ARCHITECTURE].decode(), "task": task},
    )


def module_of(files: Mapping[str, bytes], task: str) -> ActorCriticModule:
    """A policy version as an RLlib module. CheckpointError: the files do not fit one another."""
    module = spec_of(files, task).build()
    assert isinstance(module, ActorCriticModule)
    module.network.load_state_dict(codec.load_actor(files, origin="policy").network.state_dict())
    return module


def files_of(module: ActorCriticModule) -> dict[str, bytes]:
    """What RLlib trained, as files of a policy version that can act and be deployed."""
    return {
        codec.WEIGHTS: codec.tensors_to_bytes(
            {name: values.detach().cpu().contiguous() for name, values in module.network.state_dict().items()}
        ),
        codec.ARCHITECTURE: module.architecture,
    }
