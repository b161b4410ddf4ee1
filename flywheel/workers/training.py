"""TrainingRun: trains one policy version, alone or as one of several workers. Plain; Ray Train dresses it."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from hashlib import sha256
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import nn

from flywheel.core.code_version import LOOP_VERSION
from flywheel.core.contract import contract_digest
from flywheel.core.errors import CheckpointError, RecordExistsError, TrainingError
from flywheel.core.policy import PolicyVersion
from flywheel.core.sampling import Sampler
from flywheel.core.training import TrainingRequest, TrainingResult
from flywheel.learning import codec
from flywheel.learning.actor_critic import ActorCritic
from flywheel.learning.learner import Learner
from flywheel.ports import Checkpoints, Policies, unheard
from flywheel.workers.proof import prove
from flywheel.workers.training_data import TrainingData

UPDATES_PER_REPORT = 50
METRICS = "metrics.json"
"""The learner's last figures, beside the weights."""
SHARES = "shares.json"
"""What the batches held on average, beside the weights."""

Report = Callable[[int, int, Mapping[str, float]], None]
"""Updates done, updates in all, the figures since the last report."""
Tell = Callable[[str], None]
"""Something that a person should read."""


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
        data: TrainingData,
        network: Mapping[str, Any],
        learner: Mapping[str, Any],
        batch_size: int,
        checkpoint_every: int,
        policies: Policies,
        checkpoints: Checkpoints,
        place: Place,
        wrap: Callable[[nn.Module], nn.Module] = lambda module: module,
    ) -> None:
        self._request, self._data, self._contract = request, data, data.contract
        self._network, self._learner_settings = network, learner
        self._batch_size, self._checkpoint_every = batch_size, checkpoint_every
        self._policies, self._checkpoints = policies, checkpoints
        self._place, self._wrap = place, wrap

    def run(self, report: Report, tell: Tell = unheard) -> TrainingResult | None:
        """The finished version, from the worker of rank 0; None from the others."""
        torch.set_num_threads(self._place.num_threads)
        finished = self._finished()
        if finished is not None:
            return finished if self._place.rank == 0 else None
        sampler = self._sampler()
        learner = self._learner(sampler, tell if self._place.rank == 0 else unheard)
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
        place = self._place
        return self._data.sampler(self._request, batch_size=self._batch_size // place.num_workers, rank=place.rank)

    def _learner(self, sampler: Sampler, tell: Tell) -> Learner:
        """As the newest checkpoint that restores left it; else with the parent's weights; else new."""
        restored = self._restored(tell)
        if restored is not None:
            return restored
        learner = self._new_learner()
        if self._request.parent is not None:
            learner.load_weights(self._parent(self._request.parent))
        else:
            learner.fit_normalisation(sampler.statistics())
        return learner

    def _restored(self, tell: Tell) -> Learner | None:
        policy_id, below = self._request.policy_id, None
        while found := self._checkpoints.newest(policy_id, identity=self.identity(), below=below, refuse=tell):
            below, files = found
            learner, origin = self._new_learner(), f"checkpoint {policy_id} at update {below}"
            try:
                learner.restore(codec.tensors_from_bytes(files[codec.LEARNER], origin=origin))
                return learner
            except CheckpointError as failure:
                tell(f"{origin} is not gone on from: {failure}")
        return None

    def _new_learner(self) -> Learner:
        return self._made_learner(device=self._place.device, wrap=self._wrap, **self._learner_settings)

    def _spare_learner(self) -> Learner:
        """Never updated, so that neither a device nor other workers are needed."""
        return self._made_learner(**{**self._learner_settings, "compiled": False})

    def _made_learner(self, **settings: Any) -> Learner:
        request = self._request
        return Learner(
            network=lambda: ActorCritic(contract=self._contract, **self._network),
            bc_weight=request.bc_weight,
            temperature=request.temperature,
            learning_rate=request.learning_rate,
            seed=request.seed,
            rank=self._place.rank,
            **settings,
        )

    def _parent(self, policy_id: str) -> Mapping[str, torch.Tensor]:
        files = self._policies.load(policy_id)
        origin = f"policy {policy_id}"
        contract, _ = codec.architecture_from_bytes(files[codec.ARCHITECTURE], origin=origin)
        if contract != self._contract:
            raise CheckpointError(f"{origin}: it sees or does other things than this configuration's tasks need")
        return codec.tensors_from_bytes(files[codec.LEARNER], origin=origin)

    def _updates(self, learner: Learner, sampler: Sampler, report: Report) -> dict[str, float]:
        request, place = self._request, self._place
        last: dict[str, float] = {}
        while learner.num_updates < request.num_updates:
            last = self._figures(learner, sampler)
            done = learner.num_updates
            # A gradient that is not finite has spoilt the weights, though the loss before it was.
            if not np.isfinite([last["loss"], last["gradient_norm"]]).all():
                raise TrainingError(
                    f"{request.policy_id}: the loss is {last['loss']} and the gradient's norm "
                    f"{last['gradient_norm']} after {done} updates"
                )
            report(done, request.num_updates, last)
            if place.rank == 0 and done % self._checkpoint_every == 0 and done < request.num_updates:
                self._save_checkpoint(done, learner.state())
        return last

    def _figures(self, learner: Learner, sampler: Sampler) -> dict[str, float]:
        """Of the updates until the next report: their means, of them and of the waits for their batches in seconds too,
        and what the learner says of the last batch."""
        recent: list[Mapping[str, torch.Tensor]] = []
        waited_s, began = 0.0, perf_counter()
        for number in range(learner.num_updates, self._next_report(learner.num_updates)):
            asked = perf_counter()
            batch = sampler.batch(number)
            waited_s += perf_counter() - asked
            recent.append(learner.update(batch))
        averages = means(recent)  # A GPU has computed them by then: its updates end long after they were called.
        work_s = perf_counter() - began - waited_s
        times = {"update_s": work_s / len(recent), "data_wait_s": waited_s / len(recent)}
        return {**averages, **times, **learner.inspect(batch)}

    def _next_report(self, done: int) -> int:
        """At checkpoints too: a run that goes on from one takes its means over the same updates."""
        return min(
            self._request.num_updates,
            *(done - done % every + every for every in (UPDATES_PER_REPORT, self._checkpoint_every)),
        )

    def _save_checkpoint(self, update: int, state: Mapping[str, torch.Tensor]) -> None:
        policy_id = self._request.policy_id
        self._checkpoints.save(
            policy_id,
            update,
            {codec.LEARNER: codec.tensors_to_bytes(state)},
            identity=self.identity(),
            proof=partial(
                prove, state=state, spare=self._spare_learner, origin=f"checkpoint {policy_id} at update {update}"
            ),
        )

    def identity(self) -> dict[str, Any]:
        """What a checkpoint must have been made from for this run to go on from it, as plain JSON values."""
        made_from = {
            "request": asdict(self._request),
            "contract": contract_digest(self._contract),
            "network": self._network,
            "learner": self._learner_settings,
            **self._data.identity(),
            "batch_size": self._batch_size,
            "num_workers": self._place.num_workers,
            "loop": LOOP_VERSION,
        }
        plain: dict[str, Any] = json.loads(json.dumps(made_from, default=sorted))  # sets have no order of their own
        return plain

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
            contract=contract_digest(self._contract),
            recalls=request.recalls,
        )
        self._publish(version, files, state)
        self._checkpoints.delete(request.policy_id)
        return TrainingResult(version=version, metrics=metrics, shares=shares)

    def _publish(self, version: PolicyVersion, files: Mapping[str, bytes], state: Mapping[str, torch.Tensor]) -> None:
        origin = f"policy {version.policy_id}"

        def proof(read: Mapping[str, bytes]) -> None:
            prove(read, state, spare=self._spare_learner, origin=origin)
            codec.load_actor(read, origin=origin)

        try:
            self._policies.save(version, files, proof=proof)
        except RecordExistsError:
            # A worker whose supervisor died may finish beside the one that took its place.
            if self._policies.version(version.policy_id) != version:
                raise


def means(figures: Sequence[Mapping[str, torch.Tensor]]) -> dict[str, float]:
    """Of each figure over some updates."""
    return {name: float(torch.stack([some[name].float() for some in figures]).mean()) for name in figures[0]}
