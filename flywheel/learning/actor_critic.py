"""ActorCritic: one Perceiver, two decoders. The critic's query is the encoded action, never part of the trunk."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from flywheel.core.contract import Contract
from flywheel.learning.attention import CrossBlock
from flywheel.learning.encoders import multi_scale
from flywheel.learning.perceiver import Perceiver

NEIGHBOURHOOD = 0.2
"""Standard deviation, in units of action, of what counts as the same action when the most likely one is sought."""


class ActorCritic(nn.Module):
    """Policy over discretised actions, and the distribution of returns of any action, from one encoding."""

    action_values: Tensor
    returns: Tensor
    neighbourhood: Tensor
    action_mask: Tensor

    def __init__(
        self,
        *,
        contract: Contract,
        width: int,
        num_latents: int,
        num_blocks: int,
        num_heads: int,
        num_action_bins: int,
        num_return_bins: int,
        return_range: tuple[float, float],
    ) -> None:
        super().__init__()
        self.num_action_bins = num_action_bins
        self.perceiver = Perceiver(
            contract=contract, width=width, num_latents=num_latents, num_blocks=num_blocks, num_heads=num_heads
        )
        self.policy_query = nn.Parameter(0.5 * torch.randn(1, 1, width))
        self.policy_decoder = CrossBlock(width=width, num_heads=num_heads)
        self.policy_head = nn.Linear(width, contract.action_size * num_action_bins)
        self.action_encoder = nn.Linear(contract.action_size * len(multi_scale(torch.zeros(1))), width)
        self.critic_task = nn.Embedding(len(contract.tasks), width)
        self.critic_decoder = CrossBlock(width=width, num_heads=num_heads)
        self.critic_head = nn.Linear(width, num_return_bins)
        self.register_buffer("action_values", torch.linspace(-1.0, 1.0, num_action_bins), persistent=False)
        self.register_buffer("returns", torch.linspace(*return_range, num_return_bins), persistent=False)
        self.register_buffer("neighbourhood", _neighbourhood(self.action_values), persistent=False)
        self.register_buffer("action_mask", _action_mask(contract), persistent=False)
        for head in (self.policy_head, self.critic_head):
            nn.init.zeros_(head.bias)
            nn.init.normal_(head.weight, std=0.01)

    def encode(self, observations: Mapping[str, Tensor], tasks: Tensor) -> Tensor:
        """Modality -> [B, H, D] and the task index [B] to latents [B, L, D]."""
        latents: Tensor = self.perceiver(observations, tasks)
        return latents

    def policy_logits(self, latents: Tensor) -> Tensor:
        """Latents [B, L, D] to logits [B, A, V] of a categorical distribution per action dimension."""
        decoded = self.policy_decoder(self.policy_query.expand(len(latents), -1, -1), latents)
        logits: Tensor = self.policy_head(decoded[:, 0]).unflatten(-1, (-1, self.num_action_bins))
        return logits

    def most_likely(self, logits: Tensor) -> Tensor:
        """Logits [..., V] to the bin [...] with the most probability around it.

        Noisy demonstrators spread each action over many bins; the single most probable of them is luck.
        """
        return (logits.float().softmax(-1) @ self.neighbourhood).argmax(-1)

    def critic_logits(self, latents: Tensor, tasks: Tensor, actions: Tensor) -> Tensor:
        """N actions [B, N, A] per state to logits [B, N, K] over the return bins: one small cross-attention each."""
        mask = self.action_mask[tasks][:, None]
        queries = self.action_encoder(multi_scale(actions * mask)) + self.critic_task(tasks)[:, None]
        logits: Tensor = self.critic_head(self.critic_decoder(queries, latents))
        return logits

    def q_values(self, critic_logits: Tensor) -> Tensor:
        """Mean of the distributions [..., K] -> [...]."""
        # A product and a sum: under autocast a matrix product would round Q to bfloat16, coarser than the temperature.
        return (critic_logits.float().softmax(-1) * self.returns).sum(-1)

    def log_probabilities(self, log_policy: Tensor, tasks: Tensor, bins: Tensor) -> Tensor:
        """log pi of N actions, as bin indices [B, N, A], under log-softmaxed logits [B, A, V]: [B, N].

        Action dimensions that the task does not use count nothing.
        """
        picked = log_policy[:, None].expand(-1, bins.shape[1], -1, -1).gather(-1, bins[..., None])[..., 0]
        return (picked * self.action_mask[tasks][:, None]).sum(-1)

    def bins_of(self, actions: Tensor) -> Tensor:
        """The nearest bin of each action in [-1, 1]."""
        return ((actions.clamp(-1.0, 1.0) + 1.0) * 0.5 * (self.num_action_bins - 1)).round().long()


def _neighbourhood(action_values: Tensor) -> Tensor:
    """[V, V]: a Gaussian around each bin."""
    distances = (action_values[:, None] - action_values) / NEIGHBOURHOOD
    return (-0.5 * distances.square()).exp()


def _action_mask(contract: Contract) -> Tensor:
    """[tasks, A], 1 where the task uses the dimension."""
    sizes = torch.tensor([contract.action_sizes[task] for task in contract.tasks])
    return (torch.arange(contract.action_size) < sizes[:, None]).float()
