"""Learner: one update of the actor-critic and its target network, and everything needed to go on from there."""

from collections.abc import Callable, Mapping
from math import log
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from flywheel.core.errors import CheckpointError
from flywheel.core.transition import TransitionBatch, Transitions
from flywheel.learning.actor_critic import ActorCritic
from flywheel.learning.encoders import VectorEncoder
from flywheel.learning.objective import Objective, TensorBatch

OPTIMIZER_STATE = ("step", "exp_avg", "exp_avg_sq")
"""What AdamW keeps for each parameter."""
INSPECTED_ROWS = 16
"""Of a batch, that attention is looked at for."""


class Learner:
    """Offline actor-critic. BC, filtered BC, alpha-PAC and PAC are settings of it.

    With `bc_weight` 1 the critic and the sampled actions are not computed at all. `wrap` dresses the objective for
    several workers; each worker draws its own actions by its `rank`.
    """

    def __init__(
        self,
        *,
        network: Callable[[], ActorCritic],
        bc_weight: float,
        critic_weight: float,
        temperature: float,
        num_sampled_actions: int,
        num_bootstrap_actions: int,
        target_rate: float,
        learning_rate: float,
        weight_decay: float,
        warmup_updates: int,
        max_gradient_norm: float,
        seed: int,
        rank: int = 0,
        device: str = "cpu",
        compiled: bool = False,
        wrap: Callable[[nn.Module], nn.Module] = lambda module: module,
    ) -> None:
        torch.manual_seed(seed)
        self.online = network().to(device)
        self.target = network().to(device).requires_grad_(False)
        self.target.load_state_dict(self.online.state_dict())
        objective: nn.Module = Objective(
            online=self.online,
            target=self.target,
            bc_weight=bc_weight,
            critic_weight=critic_weight,
            temperature=temperature,
            num_sampled_actions=num_sampled_actions,
            num_bootstrap_actions=num_bootstrap_actions,
        )
        self._learned = [
            parameter
            for name, parameter in self.online.named_parameters()
            if bc_weight < 1.0 or not name.startswith(("critic", "action_encoder"))
        ]
        for name, parameter in self.online.named_parameters():
            parameter.requires_grad_(bc_weight < 1.0 or not name.startswith(("critic", "action_encoder")))
        self.optimizer = torch.optim.AdamW(self._learned, lr=learning_rate, weight_decay=weight_decay, fused=True)
        self._objective = wrap(torch.compile(objective) if compiled else objective)  # type: ignore[arg-type]
        self._num_samples = num_sampled_actions if bc_weight < 1.0 else 0
        self._target_rate, self._max_gradient_norm = target_rate, max_gradient_norm
        self._learning_rate, self._warmup_updates = learning_rate, warmup_updates
        self._seed, self._rank, self._device = seed, rank, device
        self.num_updates = 0

    def fit_normalisation(self, transitions: Transitions) -> None:
        """Takes the observations' mean and spread from the data: once, before the first update of fresh weights."""
        perceiver = self.online.perceiver
        visible = perceiver.visible.cpu()[torch.from_numpy(transitions.tasks).long()]
        frames = torch.from_numpy(transitions.starts)
        encoder = perceiver.encoders["vector"]
        assert isinstance(encoder, VectorEncoder)
        stacked = encoder.stack({name: torch.from_numpy(some)[:, None] for name, some in transitions.frames.items()})
        for slot, name in enumerate(encoder.slots):
            rows = stacked[frames[visible[:, perceiver.slots.index(name)]], 0, slot].double()
            if len(rows):
                # Zero means contact or arrival: it must stay where the encoding resolves best.
                centre = torch.zeros_like(rows[0]) if name in encoder.differences else rows.mean(0)
                spread = (rows - centre).square().mean(0).sqrt()
                encoder.mean[slot] = centre
                encoder.scale[slot] = torch.where(spread > 1e-4, 1.0 / spread.clamp(min=1e-4), 0.0)
        self.target.load_state_dict(self.online.state_dict())

    def update(self, batch: TransitionBatch) -> dict[str, Tensor]:
        """One optimiser step on B transitions; returns the loss, its parts and figures to watch, as scalars."""
        warm = min(1.0, (self.num_updates + 1) / self._warmup_updates) if self._warmup_updates else 1.0
        for group in self.optimizer.param_groups:
            group["lr"] = self._learning_rate * warm
        generator = torch.Generator(self._device)
        words = np.random.SeedSequence((self._seed, self.num_updates, self._rank)).generate_state(1)
        generator.manual_seed(int(words[0]))
        with torch.autocast(self._device, torch.bfloat16, enabled=self._device != "cpu"):
            loss, figures = self._objective(self._moved(batch), generator)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self._learned, self._max_gradient_norm, foreach=True)
        self.optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(list(self.target.parameters()), list(self.online.parameters()), self._target_rate)
        self.num_updates += 1
        return {"loss": loss.detach(), "gradient_norm": norm.detach(), **figures}

    def inspect(self, batch: TransitionBatch) -> dict[str, float]:
        """Figures of the target network on B transitions that are too dear for every update, and limits of the others.

        Changes nothing and draws nothing.
        """
        network, some = self.target, self._moved(batch)
        few = {name: values[:INSPECTED_ROWS] for name, values in some.observations.items()}
        with torch.no_grad(), torch.autocast(self._device, torch.bfloat16, enabled=self._device != "cpu"):
            cross, latent = network.perceiver.attention_entropies(few, some.tasks[:INSPECTED_ROWS])
            figures = {
                "entropy_limit": log(network.num_action_bins),
                "cross_attention_entropy": float(cross),
                "latent_attention_entropy": float(latent),
            }
            if not self._num_samples:
                return figures
            latents = network.encode(some.observations, some.tasks)
            q = network.q_values(network.critic_logits(latents, some.tasks, some.actions[:, None]))
        return figures | {
            "num_samples": float(self._num_samples),
            "q_data": float(q.mean()),
            "observed_return": float(batch.observed_returns.mean()),
            "unobserved_discount": float(batch.unobserved_discounts.mean()),
        }

    def _moved(self, batch: TransitionBatch) -> TensorBatch:
        def move(values: NDArray[Any]) -> Tensor:
            return torch.from_numpy(values).to(self._device, non_blocking=True)

        return TensorBatch(
            observations={name: move(values) for name, values in batch.observations.items()},
            next_observations={name: move(values) for name, values in batch.next_observations.items()},
            tasks=move(batch.tasks),
            actions=move(batch.actions),
            returns=move(batch.returns),
            discounts=move(batch.discounts),
            cloned=move(batch.cloned),
        )

    def state(self) -> dict[str, Tensor]:
        """Everything that the next update depends on, by name; a copy, on the CPU."""
        tensors = {f"online.{name}": value for name, value in self.online.state_dict().items()}
        tensors |= {f"target.{name}": value for name, value in self.target.state_dict().items()}
        for index, parameter in enumerate(self._learned):
            for name, value in self.optimizer.state.get(parameter, {}).items():
                tensors[f"optimizer.{index}.{name}"] = value
        tensors["num_updates"] = torch.tensor(self.num_updates)
        return {name: value.detach().to("cpu", copy=True).contiguous() for name, value in tensors.items()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Goes on exactly where `state` was taken. CheckpointError: it is of another network, or not whole."""
        if "num_updates" not in state:
            raise CheckpointError("the number of updates is missing")
        self.load_weights(state)
        self.num_updates = int(state["num_updates"])
        found = [self._moments(state, index) for index in range(len(self._learned))]
        if self.num_updates and not any(found):
            raise CheckpointError(f"the optimiser's state after {self.num_updates} updates is missing")
        for parameter, moments in zip(self._learned, found, strict=True):
            self.optimizer.state[parameter] = {
                name: value.to(parameter.device, copy=True) for name, value in moments.items()
            }

    def _moments(self, state: Mapping[str, Tensor], index: int) -> dict[str, Tensor]:
        """The optimiser's of one parameter: all of them, or none where it was never updated."""
        prefix, shape = f"optimizer.{index}.", self._learned[index].shape
        moments = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
        if moments and (moments.keys() != set(OPTIMIZER_STATE) or moments["exp_avg"].shape != shape):
            raise CheckpointError(f"the optimiser's state of parameter {index} does not fit: {', '.join(moments)}")
        return moments

    def load_weights(self, state: Mapping[str, Tensor]) -> None:
        """Takes both networks' weights; the optimiser and the count of updates stay new."""
        for part, network in (("online.", self.online), ("target.", self.target)):
            try:
                network.load_state_dict(
                    {name.removeprefix(part): value for name, value in state.items() if name.startswith(part)}
                )
            except RuntimeError as failure:
                raise CheckpointError(f"the weights do not fit the network: {failure}") from failure
