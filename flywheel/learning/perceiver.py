"""The Perceiver encoder of PAC: modalities and the task -> tokens -> latents.

Jaegle et al. (2021), "Perceiver IO"; Springenberg et al. (2024), "Offline Actor-Critic RL Scales to Large Models".
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from flywheel.core.contract import Contract
from flywheel.learning.attention import CrossBlock, SelfBlock
from flywheel.learning.encoders import ENCODERS


class Perceiver(nn.Module):
    """Learnable latents cross-attend to the tokens of all modalities, then to one another."""

    visible: Tensor

    def __init__(self, *, contract: Contract, width: int, num_latents: int, num_blocks: int, num_heads: int) -> None:
        super().__init__()
        kinds = sorted({modality.kind for modality in contract.modalities.values()})
        encoders = {kind: ENCODERS[kind](contract=contract, width=width) for kind in kinds}
        self.encoders = nn.ModuleDict(encoders)
        self.slots = tuple(slot for encoder in encoders.values() for slot in encoder.slots)
        self.task = nn.Embedding(len(contract.tasks), width)
        self.age = nn.Parameter(torch.zeros(contract.history, 1, width))
        self.latents = nn.Parameter(0.5 * torch.randn(num_latents, width))
        self.read = CrossBlock(width=width, num_heads=num_heads)
        self.blocks = nn.ModuleList(SelfBlock(width=width, num_heads=num_heads) for _ in range(num_blocks))
        self.register_buffer("visible", _visible(contract, self.slots), persistent=False)
        self.all_visible = bool(self.visible.all())

    def forward(self, observations: Mapping[str, Tensor], tasks: Tensor) -> Tensor:
        """Modality -> [B, H, D] and the task index [B] to latents [B, L, D]."""
        tokens, visible = self._tokens(observations, tasks)
        latents: Tensor = self.read(self.latents.expand(len(tasks), -1, -1), tokens, visible)
        for block in self.blocks:
            latents = block(latents)
        return latents

    def attention_entropies(self, observations: Mapping[str, Tensor], tasks: Tensor) -> tuple[Tensor, Tensor]:
        """Of the latents' attention to the tokens, and to one another in the mean of the blocks: scalars in [0, 1]."""
        tokens, visible = self._tokens(observations, tasks)
        queries = self.latents.expand(len(tasks), -1, -1)
        latents, among = self.read(queries, tokens, visible), []
        for block in self.blocks:
            assert isinstance(block, SelfBlock)
            among.append(block.attention_entropy(latents))
            latents = block(latents)
        return self.read.attention_entropy(queries, tokens, visible), torch.stack(among).mean()

    def _tokens(self, observations: Mapping[str, Tensor], tasks: Tensor) -> tuple[Tensor, Tensor | None]:
        """[B, tokens, D], and which of them each row may look at [B, tokens]; None: all."""
        encoded = torch.cat([encoder(observations) for encoder in self.encoders.values()], dim=-2)
        tokens = torch.cat([(encoded + self.age).flatten(1, 2), self.task(tasks)[:, None]], dim=1)
        return tokens, None if self.all_visible else self.visible[tasks]


def _visible(contract: Contract, slots: Sequence[str]) -> Tensor:
    """[tasks, tokens]: a task's policy does not look at modalities that the task lacks."""
    rows = []
    for task in contract.tasks:
        present = set(contract.presence[task])
        present |= {name for name, pair in contract.differences.items() if present.issuperset(pair)}
        frame = [slot in present for slot in slots]
        rows.append(frame * contract.history + [True])
    return torch.tensor(rows)
