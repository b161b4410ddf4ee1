"""TrainingRun: trains one policy version, alone or as one of several workers. Plain; Ray Train dresses it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import nn

from flywheel.core.contract import Contract
from flywheel.core.errors import CheckpointError, TrainingError
from flywheel.core.policy import PolicyVersion
from flywheel.core.sampling import MemorySampler, Sampler
from flywheel.core.transition import Transitions, frame_bytes, transition_bytes
from flywheel.learning import codec
from flywheel.learning.actor_critic import ActorCritic
from flywheel.learning.learner import Learner
from flywheel.ports import Catalogue, Checkpoints, EpisodeTable, LabelTable, Policies, TrainingRequest, TrainingResult
from flywheel.workers.selection import trainable
from flywheel.workers.streaming import StreamingSampler

UPDATES_PER_REPORT = 50
METRICS = "metrics.json"
"""The learner's last figures, beside the weights."""
SHARES = "shares.json"
"""What the batches held on average, beside the weights."""

Report = Callable[[int, int, Mapping[str, float]], None]
"""Updates done, updates in all, the learner's mean figures since the last report."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Which of several training workers this is, and what it computes on."""

    rank: int = 0
    num_workers: int = 1
    device: str = "cpu"
    num_threads: int = 1


class TrainingRun:
    """Reads the pinned versions of the tables, updates, saves checkpoints, and at the end the policy version.

    A batch is a function of the request's seed, the update's number and the worker's rank: a run that goes on from a
    checkpoint computes what an undisturbed one does.
    """

    def __init__(
        self,
        *,
        request: TrainingRequest,
        contract: Contract,
        network: Mapping[str, Any],
        learner: Mapping[str, Any],
        discount: float,
        num_steps: int,
        only_successes: bool,
        batch_size: int,
        checkpoint_every: int,
        episodes: EpisodeTable,
        labels: LabelTable,
        policies: Policies,
        checkpoints: Checkpoints,
        place: Place,
        catalogue: Catalogue | None = None,
        memory_bytes: int = 0,
        wrap: Callable[[nn.Module], nn.Module] = lambda module: module,
    ) -> None:
        """With a `catalogue`, data that takes more than `memory_bytes` is streamed."""
        self._request, self._contract, self._network = request, contract, network
        self._learner_settings = learner
        self._discount, self._num_steps, self._only_successes = discount, num_steps, only_successes
        self._batch_size, self._checkpoint_every = batch_size, checkpoint_every
        self._episodes, self._labels = episodes, labels
        self._policies, self._checkpoints = policies, checkpoints
        self._place, self._wrap = place, wrap
        self._catalogue, self._memory_bytes = catalogue, memory_bytes

    def run(self, report: Report) -> TrainingResult | None:
        """The finished version, from the worker of rank 0; None from the others."""
        torch.set_num_threads(self._place.num_threads)
        finished = self._finished()
        if finished is not None:
            return finished if self._place.rank == 0 else None
        sampler = self._sampler()
        learner = self._learner(sampler)
        began = perf_counter()
        last = self._updates(learner, sampler, report)
        if self._place.rank != 0:
            return None
        return self._save(learner, {**last, "work_s": perf_counter() - began}, sampler.shares)

    def _finished(self) -> TrainingResult | None:
        """What an earlier attempt saved, if it died only after that."""
        version = self._policies.version(self._request.policy_id)
        if version is None:
            return None
        files = self._policies.load(version.policy_id)
        return TrainingResult(version=version, metrics=json.loads(files[METRICS]), shares=json.loads(files[SHARES]))

    def _sampler(self) -> Sampler:
        """In memory where the data fits, by what the tables' logs say of its size."""
        request = self._request
        drawing: dict[str, Any] = {
            "mixture": request.mixture,
            "iteration": request.iteration,
            "seed": request.seed,
            "rank": self._place.rank,
            "batch_size": self._batch_size // self._place.num_workers,
        }
        if self._catalogue is None or self._needed_bytes(self._catalogue) <= self._memory_bytes:
            return MemorySampler(transitions=self._transitions(), **drawing)
        return StreamingSampler(
            catalogue=self._catalogue,
            episodes_version=request.episodes_version,
            labels_version=request.labels_version,
            contract=self._contract,
            discount=self._discount,
            num_steps=self._num_steps,
            only_successes=self._only_successes,
            memory_bytes=self._memory_bytes,
            excluded=request.excluded,
            **drawing,
        )

    def _needed_bytes(self, catalogue: Catalogue) -> int:
        """At most, to hold all transitions; twice, because they are joined from their episodes."""
        request = self._request
        size = catalogue.size(episodes_version=request.episodes_version, labels_version=request.labels_version)
        frames = size.num_episodes * (size.max_decisions + 1) * frame_bytes(self._contract)
        transitions = size.num_labels * size.max_decisions * transition_bytes(self._contract)
        return 2 * (frames + transitions)

    def _transitions(self) -> Transitions:
        request = self._request
        return Transitions.of(
            trainable(self._episodes.read(version=request.episodes_version), request.excluded),
            self._labels.read(version=request.labels_version),
            contract=self._contract,
            discount=self._discount,
            num_steps=self._num_steps,
            only_successes=self._only_successes,
        )

    def _learner(self, sampler: Sampler) -> Learner:
        """As the newest checkpoint left it; else with the parent's weights; else new."""
        request = self._request
        learner = Learner(
            network=lambda: ActorCritic(contract=self._contract, **self._network),
            bc_weight=request.bc_weight,
            temperature=request.temperature,
            learning_rate=request.learning_rate,
            seed=request.seed,
            rank=self._place.rank,
            device=self._place.device,
            wrap=self._wrap,
            **self._learner_settings,
        )
        found = self._checkpoints.newest(request.policy_id, identity=self._identity())
        if found is not None:
            update, files = found
            origin = f"checkpoint {request.policy_id} at update {update}"
            learner.restore(codec.tensors_from_bytes(files[codec.LEARNER], origin=origin))
        elif request.parent is not None:
            learner.load_weights(self._parent(request.parent))
        else:
            learner.fit_normalisation(sampler.statistics())
        return learner

    def _parent(self, policy_id: str) -> Mapping[str, torch.Tensor]:
        files = self._policies.load(policy_id)
        origin = f"policy {policy_id}"
        contract, _ = codec.architecture_from_bytes(files[codec.ARCHITECTURE], origin=origin)
        if contract != self._contract:
            raise CheckpointError(f"{origin}: it sees or does other things than this configuration's tasks need")
        return codec.tensors_from_bytes(files[codec.LEARNER], origin=origin)

    def _updates(self, learner: Learner, sampler: Sampler, report: Report) -> dict[str, float]:
        request, place = self._request, self._place
        recent: list[Mapping[str, torch.Tensor]] = []
        last: dict[str, float] = {}
        while learner.num_updates < request.num_updates:
            recent.append(learner.update(sampler.batch(learner.num_updates)))
            done = learner.num_updates
            # At checkpoints too: a run that goes on from one takes its means over the same updates.
            if 0 in (done % UPDATES_PER_REPORT, done % self._checkpoint_every, done - request.num_updates):
                last, recent = _means(recent), []
                # A gradient that is not finite has spoilt the weights, though the loss before it was.
                if not np.isfinite([last["loss"], last["gradient_norm"]]).all():
                    raise TrainingError(
                        f"{request.policy_id}: the loss is {last['loss']} and the gradient's norm "
                        f"{last['gradient_norm']} after {done} updates"
                    )
                report(done, request.num_updates, last)
            if place.rank == 0 and done % self._checkpoint_every == 0 and done < request.num_updates:
                files = {codec.LEARNER: codec.tensors_to_bytes(learner.state())}
                self._checkpoints.save(request.policy_id, done, files, identity=self._identity())
        return last

    def _identity(self) -> dict[str, Any]:
        """What a checkpoint must have been made from for this run to go on from it."""
        request = self._request
        return {
            "episodes_version": request.episodes_version,
            "labels_version": request.labels_version,
            "parent": request.parent,
            "seed": request.seed,
            "num_workers": self._place.num_workers,
            "excluded": request.excluded.plain,
        }

    def _save(self, learner: Learner, metrics: dict[str, float], shares: Mapping[str, Any]) -> TrainingResult:
        request, state = self._request, learner.state()
        weights = {name.removeprefix("target."): some for name, some in state.items() if name.startswith("target.")}
        files = {
            codec.WEIGHTS: codec.tensors_to_bytes(weights),
            codec.LEARNER: codec.tensors_to_bytes(state),
            codec.ARCHITECTURE: codec.architecture_to_bytes(self._contract, self._network),
            METRICS: json.dumps(metrics, indent=1).encode(),
            SHARES: json.dumps(shares, indent=1).encode(),
        }
        version = PolicyVersion(
            policy_id=request.policy_id,
            iteration=request.iteration,
            parent=request.parent,
            digest=sha256(files[codec.WEIGHTS]).hexdigest(),
            trained_on={"episodes": request.episodes_version, "labels": request.labels_version},
            recalls=request.recalls,
        )
        self._policies.save(version, files)
        self._checkpoints.delete(request.policy_id)
        return TrainingResult(version=version, metrics=metrics, shares=shares)


def _means(figures: list[Mapping[str, torch.Tensor]]) -> dict[str, float]:
    return {name: float(torch.stack([some[name].float() for some in figures]).mean()) for name in figures[0]}
