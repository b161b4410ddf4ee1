"""The PAC loss (Springenberg et al. 2024, eq. 4 and 5), as pure functions.

Symbols of the paper: alpha is `bc_weight`, beta `critic_weight`, eta `temperature`, N the sampled actions,
Gamma the critic's target distribution.
"""

import torch
from torch import Tensor


def improvement_weights(q: Tensor, temperature: float) -> Tensor:
    """w_j = softmax_j(Q(s, a_j) / eta): [B, N] -> [B, N], without gradient."""
    return (q.detach() / temperature).softmax(-1)


def effective_sample_size(weights: Tensor) -> Tensor:
    """1 / sum_j w_j^2: [B, N] -> [B], between 1 (one action takes all) and N (all alike)."""
    return 1.0 / weights.square().sum(-1)


def policy_improvement_loss(log_probs: Tensor, weights: Tensor) -> Tensor:
    """-sum_j w_j log pi(a_j | s): [B, N], [B, N] -> [B]."""
    return -(weights * log_probs).sum(-1)


def behaviour_cloning_loss(log_probs: Tensor, cloned: Tensor) -> Tensor:
    """-log pi(a | s) where the action is worth imitating: [B], [B] -> [B]."""
    return -log_probs * cloned


def critic_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy to the target distribution: [B, K], [B, K] -> [B]."""
    return -(target * logits.log_softmax(-1)).sum(-1)


def bellman_target(probabilities: Tensor, support: Tensor, returns: Tensor, discounts: Tensor) -> Tensor:
    """Distribution of G + gamma^n q', q' ~ probabilities [B, K], projected onto the support [K]: [B, K].

    Each value gives its probability to its two neighbouring bins, linearly; values beyond the ends go to the ends
    (Bellemare et al. 2017, eq. 7).
    """
    last = len(support) - 1
    values = (returns[:, None] + discounts[:, None] * support).clamp(support[0], support[-1])
    position = ((values - support[0]) / (support[1] - support[0])).clamp(0, last)
    lower = position.floor()
    to_upper = probabilities * (position - lower)
    target = torch.zeros_like(probabilities)
    target.scatter_add_(-1, lower.long(), probabilities - to_upper)
    return target.scatter_add_(-1, (lower + 1).clamp(max=last).long(), to_upper)


def joint_loss(
    *, improvement: Tensor, cloning: Tensor, critic: Tensor, bc_weight: float, critic_weight: float
) -> Tensor:
    """(1 - alpha) improvement + alpha cloning + beta critic, each [B], to a scalar."""
    return ((1.0 - bc_weight) * improvement + bc_weight * cloning + critic_weight * critic).mean()


def sample_bins(logits: Tensor, num_samples: int, generator: torch.Generator | None = None) -> Tensor:
    """N actions from the factorised policy [B, A, V], as bin indices [B, N, A]."""
    uniforms = torch.rand(logits.shape[0], num_samples, logits.shape[1], device=logits.device, generator=generator)
    return bins_at(logits, uniforms)


def bins_at(logits: Tensor, uniforms: Tensor) -> Tensor:
    """Inverse of the cumulative distribution: [B, A, V] and uniforms [B, N, A] in [0, 1) to bin indices [B, N, A].

    Bin i is chosen from P(below i) on, up to but without P(below i + 1): one of probability 0 never is.
    """
    cumulative = logits.float().softmax(-1).cumsum(-1)
    passed = (uniforms.transpose(1, 2)[..., None] >= cumulative[:, :, None, :]).sum(-1)
    return passed.clamp(max=logits.shape[-1] - 1).transpose(1, 2)
