"""Encoders: one kind of modality -> tokens. A new kind is a class and a line in ENCODERS."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from flywheel.core.contract import Contract

SCALES = (0.5, 1.0, 2.0, 8.0)
"""sigma_k of the multi-scale encoding, on values normalised to unit variance."""


def multi_scale(x: Tensor) -> Tensor:
    """tanh(sigma_k x) for each scale: [..., D] -> [..., len(SCALES) * D].

    Large scales resolve small differences near zero, small ones keep large values apart (PAC, multi-scale encoding).
    """
    return torch.cat([torch.tanh(scale * x) for scale in SCALES], dim=-1)


class Encoder(Protocol):
    """All modalities of one kind -> tokens.

    `slots` says which modality each token comes from, so that tokens of missing modalities can be masked.
    """

    slots: Sequence[str]

    def __call__(self, observations: Mapping[str, Tensor]) -> Tensor:
        """Modality -> [B, H, ...] to tokens [B, H, len(slots), D]."""
        ...


class VectorEncoder(nn.Module):
    """Vectors and their differences: normalised, at several scales, one token each, in a single product.

    The statistics are part of the weights: whoever loads them sees the world on the same scale.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, *, contract: Contract, width: int) -> None:
        super().__init__()
        # Sorted: equal contracts may list their modalities in other orders, and each slot has weights of its own.
        vectors = {name: some.width for name, some in sorted(contract.modalities.items()) if some.kind == "vector"}
        self.differences = {
            name: pair for name, pair in sorted(contract.differences.items()) if all(some in vectors for some in pair)
        }
        widths = vectors | {name: vectors[a] for name, (a, _) in self.differences.items()}
        self.slots = tuple(widths)
        self.num_values = max(widths.values())
        self.vectors = tuple(vectors)
        self.register_buffer("mean", torch.zeros(len(self.slots), self.num_values))
        self.register_buffer("scale", torch.ones(len(self.slots), self.num_values))
        inputs = len(SCALES) * self.num_values
        self.weight = nn.Parameter(torch.empty(len(self.slots), inputs, width))
        self.bias = nn.Parameter(torch.zeros(len(self.slots), width))
        for slot, name in enumerate(self.slots):
            nn.init.normal_(self.weight[slot], std=(len(SCALES) * widths[name]) ** -0.5)

    def stack(self, observations: Mapping[str, Tensor]) -> Tensor:
        """Modality -> [B, H, D] to [B, H, slots, widest], zeros behind the narrower ones."""
        values = [observations[name] for name in self.vectors]
        values += [observations[a] - observations[b] for a, b in self.differences.values()]
        return torch.stack([_widened(some, self.num_values) for some in values], dim=-2)

    def forward(self, observations: Mapping[str, Tensor]) -> Tensor:
        stacked = (self.stack(observations) - self.mean) * self.scale
        encoded = multi_scale(stacked).flatten(0, 1).transpose(0, 1)
        tokens = torch.baddbmm(self.bias[:, None, :], encoded, self.weight).transpose(0, 1)
        framed: Tensor = tokens.unflatten(0, stacked.shape[:2])
        return framed


def _widened(x: Tensor, width: int) -> Tensor:
    return x if x.shape[-1] == width else nn.functional.pad(x, (0, width - x.shape[-1]))


ENCODERS = {"vector": VectorEncoder}
"""Kind of modality -> the class that encodes all modalities of that kind."""
