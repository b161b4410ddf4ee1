"""Objective: the joint PAC loss of a batch, given the learner's network and its target network."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from flywheel.learning import losses
from flywheel.learning.actor_critic import ActorCritic


@dataclass(frozen=True, kw_only=True)
class TensorBatch:
    """What an update needs of a TransitionBatch, on the device; shapes as there."""

    observations: Mapping[str, Tensor]
    next_observations: Mapping[str, Tensor]
    tasks: Tensor
    actions: Tensor
    returns: Tensor
    discounts: Tensor
    cloned: Tensor


class Objective(nn.Module):
    """One module over both networks, so that it can be compiled or wrapped for many workers as one."""

    def __init__(
        self,
        *,
        online: ActorCritic,
        target: ActorCritic,
        bc_weight: float,
        critic_weight: float,
        temperature: float,
        num_sampled_actions: int,
        num_bootstrap_actions: int,
    ) -> None:
        super().__init__()
        self.online, self.target = online, target
        self.bc_weight, self.critic_weight, self.temperature = bc_weight, critic_weight, temperature
        self.num_sampled_actions, self.num_bootstrap_actions = num_sampled_actions, num_bootstrap_actions

    def forward(self, batch: TensorBatch, generator: torch.Generator | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss, a scalar, and figures to watch, scalars without gradient."""
        online = self.online
        latents = online.encode(batch.observations, batch.tasks)
        log_policy = online.policy_logits(latents).float().log_softmax(-1)
        log_probs = online.log_probabilities(log_policy, batch.tasks, online.bins_of(batch.actions)[:, None])[:, 0]
        cloning = losses.behaviour_cloning_loss(log_probs, _share_of_one(batch.cloned))
        figures = {"cloning_loss": cloning.mean(), "entropy": _entropy(log_policy, online.action_mask[batch.tasks])}
        if self.bc_weight >= 1.0:
            return cloning.mean(), _detached(figures)
        sampled, q, target = self._targets(batch, generator)
        critic_logits = online.critic_logits(latents, batch.tasks, batch.actions[:, None])[:, 0].float()
        critic = losses.critic_loss(critic_logits, target)
        weights = losses.improvement_weights(q, self.temperature)
        improvement = losses.policy_improvement_loss(
            online.log_probabilities(log_policy, batch.tasks, sampled), weights
        )
        loss = losses.joint_loss(
            improvement=improvement,
            cloning=cloning,
            critic=critic,
            bc_weight=self.bc_weight,
            critic_weight=self.critic_weight,
        )
        figures |= {
            "improvement_loss": improvement.mean(),
            "critic_loss": critic.mean(),
            "q": q.mean(),
            "q_spread": q.std(-1).mean(),
            "effective_sample_size": losses.effective_sample_size(weights).mean(),
        }
        return loss, _detached(figures)

    @torch.no_grad()
    def _targets(self, batch: TensorBatch, generator: torch.Generator | None) -> tuple[Tensor, Tensor, Tensor]:
        """Under the target network: sampled actions as bins [B, N, A], their Q [B, N], the critic's target [B, K].

        Both observations of a transition are encoded in one forward.
        """
        network, size = self.target, len(batch.tasks)
        tasks = torch.cat([batch.tasks, batch.tasks])
        latents = network.encode(_joined(batch.observations, batch.next_observations), tasks)
        logits = network.policy_logits(latents)
        sampled = losses.sample_bins(logits[:size], self.num_sampled_actions, generator)
        following = losses.sample_bins(logits[size:], self.num_bootstrap_actions, generator)
        q = network.q_values(network.critic_logits(latents[:size], batch.tasks, network.action_values[sampled]))
        bootstrap = network.critic_logits(latents[size:], batch.tasks, network.action_values[following])
        target = losses.bellman_target(
            bootstrap.float().softmax(-1).mean(1), network.returns, batch.returns, batch.discounts
        )
        return sampled, q, target


def _joined(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: torch.cat([values, second[name]]) for name, values in first.items()}


def _share_of_one(cloned: Tensor) -> Tensor:
    """Weights [B] with mean 1, so that leaving failures out does not weaken cloning against the rest of the loss."""
    return cloned / cloned.mean().clamp(min=1.0 / len(cloned))


def _entropy(log_policy: Tensor, mask: Tensor) -> Tensor:
    """Mean entropy per used action dimension, in nats."""
    entropy = -(log_policy.exp() * log_policy).sum(-1)
    return (entropy * mask).sum() / mask.sum()


def _detached(figures: dict[str, Any]) -> dict[str, Tensor]:
    return {name: value.detach() for name, value in figures.items()}
