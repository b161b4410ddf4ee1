"""Attention and the blocks around it, small enough to read: pre-norm, residual, bias-free projections."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Attention(nn.Module):
    """Multi-head attention of queries [B, Q, D] to a context [B, C, D]."""

    def __init__(self, *, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(width, 2 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, queries: Tensor, context: Tensor, visible: Tensor | None = None) -> Tensor:
        """[B, Q, D]. `visible` [B, C]: which of the context may be attended to; all of it where None."""
        keys, values = self.key_value(context).chunk(2, dim=-1)
        mask = None if visible is None else visible[:, None, None, :]
        attended = F.scaled_dot_product_attention(
            self._split(self.query(queries)), self._split(keys), self._split(values), attn_mask=mask
        )
        mixed: Tensor = self.out(attended.transpose(1, 2).flatten(2))
        return mixed

    def entropy(self, queries: Tensor, context: Tensor, visible: Tensor | None = None) -> Tensor:
        """Mean entropy of the weights, as a share of what it can be, a scalar: 0 is one of the context, 1 all alike.

        `forward` never makes the weights, so they are made here.
        """
        keys, _ = self.key_value(context).chunk(2, dim=-1)
        queries, keys = self._split(self.query(queries)), self._split(keys)
        scores = (queries @ keys.transpose(-2, -1)).float() * queries.shape[-1] ** -0.5
        if visible is None:
            visible = scores.new_ones(len(scores), scores.shape[-1], dtype=torch.bool)
        weights = scores.masked_fill(~visible[:, None, None, :], -torch.inf).softmax(-1)
        count = visible.sum(-1)[:, None, None]
        # What is alone gets all the weight and is attended to evenly.
        shares = torch.where(count > 1, torch.special.entr(weights).sum(-1) / count.clamp(min=2).log(), 1.0)
        mean: Tensor = shares.mean()
        return mean

    def _split(self, x: Tensor) -> Tensor:
        """[B, C, D] -> [B, heads, C, D / heads]."""
        heads: Tensor = x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
        return heads


class Mlp(nn.Module):
    """Two layers, twice as wide inside."""

    def __init__(self, *, width: int) -> None:
        super().__init__()
        self.inner = nn.Linear(width, 2 * width)
        self.outer = nn.Linear(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.outer(torch.relu(self.inner(x)))
        return out


class CrossBlock(nn.Module):
    """Queries read a context, then think about it."""

    def __init__(self, *, width: int, num_heads: int) -> None:
        super().__init__()
        self.query_norm, self.context_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width=width, num_heads=num_heads)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = Mlp(width=width)

    def forward(self, queries: Tensor, context: Tensor, visible: Tensor | None = None) -> Tensor:
        queries = queries + self.attention(self.query_norm(queries), self.context_norm(context), visible)
        out: Tensor = queries + self.mlp(self.mlp_norm(queries))
        return out

    def attention_entropy(self, queries: Tensor, context: Tensor, visible: Tensor | None = None) -> Tensor:
        """See `Attention.entropy`."""
        return self.attention.entropy(self.query_norm(queries), self.context_norm(context), visible)


class SelfBlock(nn.Module):
    """Latents [B, L, D] read one another."""

    def __init__(self, *, width: int, num_heads: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attention = Attention(width=width, num_heads=num_heads)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = Mlp(width=width)

    def forward(self, latents: Tensor) -> Tensor:
        normed = self.norm(latents)
        latents = latents + self.attention(normed, normed)
        out: Tensor = latents + self.mlp(self.mlp_norm(latents))
        return out

    def attention_entropy(self, latents: Tensor) -> Tensor:
        """See `Attention.entropy`."""
        normed = self.norm(latents)
        return self.attention.entropy(normed, normed)
