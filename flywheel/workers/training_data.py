"""TrainingData: what a policy version is trained on, in memory where it fits and else streamed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flywheel.core.contract import Contract
from flywheel.core.sampling import MemorySampler, Sampler
from flywheel.core.training import TrainingRequest
from flywheel.core.transition import Transitions, frame_bytes, transition_bytes
from flywheel.ports import Catalogue, EpisodeTable, LabelTable
from flywheel.workers.selection import trainable
from flywheel.workers.streaming import StreamingSampler


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """Makes transitions of the tables."""

    episodes: EpisodeTable
    labels: LabelTable
    contract: Contract
    discount: float
    num_steps: int
    only_successes: bool
    catalogue: Catalogue | None = None
    memory_bytes: int = 0
    """With a `catalogue`, data that takes more is streamed."""

    def sampler(self, request: TrainingRequest, *, batch_size: int, rank: int) -> Sampler:
        """Of the versions that the request pins; by what the tables' logs say of their size."""
        drawing: dict[str, Any] = {
            "mixture": request.mixture,
            "iteration": request.iteration,
            "seed": request.seed,
            "rank": rank,
            "batch_size": batch_size,
        }
        if self.catalogue is None or self._needed_bytes(self.catalogue, request) <= self.memory_bytes:
            return MemorySampler(transitions=self._transitions(request), **drawing)
        return StreamingSampler(
            catalogue=self.catalogue,
            episodes_version=request.episodes_version,
            labels_version=request.labels_version,
            memory_bytes=self.memory_bytes,
            excluded=request.excluded,
            contract=self.contract,
            **self._making(),
            **drawing,
        )

    def identity(self) -> Mapping[str, Any]:
        """What the batches depend on beside the request."""
        return {**self._making(), "memory_bytes": self.memory_bytes}

    def _needed_bytes(self, catalogue: Catalogue, request: TrainingRequest) -> int:
        """At most, to hold all transitions; twice, because they are joined from their episodes."""
        size = catalogue.size(episodes_version=request.episodes_version, labels_version=request.labels_version)
        frames = size.num_episodes * (size.max_decisions + 1) * frame_bytes(self.contract)
        transitions = size.num_labels * size.max_decisions * transition_bytes(self.contract)
        return 2 * (frames + transitions)

    def _transitions(self, request: TrainingRequest) -> Transitions:
        return Transitions.of(
            trainable(self.episodes.read(version=request.episodes_version), request.excluded),
            self.labels.read(version=request.labels_version),
            contract=self.contract,
            **self._making(),
        )

    def _making(self) -> dict[str, Any]:
        return {"discount": self.discount, "num_steps": self.num_steps, "only_successes": self.only_successes}
