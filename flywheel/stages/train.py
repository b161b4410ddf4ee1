"""Train: a candidate from old and new data together."""

from dataclasses import asdict
from typing import Any

from flywheel.core.exclusion import RECALLS, Recall, active, exclusion
from flywheel.core.iteration import Iteration, Stage
from flywheel.core.plan import InitialWeights, at
from flywheel.core.training import TrainingRequest
from flywheel.ports import Ports, Records


def train(iteration: Iteration, ports: Ports) -> dict[str, Any]:
    """Trains `policy-<iteration>` on the versions of the tables that relabelling left, without what was recalled."""
    plan, number, place = ports.plan, iteration.number, iteration.place
    labelled = iteration.outcomes[Stage.RELABEL]
    recalls = _active_recalls(ports.records)
    request = TrainingRequest(
        iteration=number,
        policy_id=f"policy-{number:04d}",
        parent=_parent(iteration, plan.initial_weights),
        episodes_version=labelled["episodes_version"],
        labels_version=labelled["labels_version"],
        mixture=at(plan.mixture, place),
        num_updates=at(plan.num_updates, place),
        bc_weight=at(plan.bc_weight, place),
        temperature=at(plan.temperature, place),
        learning_rate=at(plan.learning_rate, place),
        seed=plan.seed * 1000 + number,
        excluded=exclusion(recalls),
        recalls=tuple(recall.number for recall in recalls),
    )
    result = ports.trainer.train(request, ports.observer)
    return {
        **asdict(result.version),
        "recalls": list(result.version.recalls),
        "file_digests": dict(ports.policies.digests(request.policy_id)),
        "data_digests": labelled["data_digests"],
        "num_updates": request.num_updates,
        "mixture": request.mixture.plain,
        "shares": dict(result.shares),
        "metrics": dict(result.metrics),
    }


def _parent(iteration: Iteration, initial: InitialWeights) -> str | None:
    return {
        InitialWeights.CANDIDATE: iteration.candidate,
        InitialWeights.LIVE: iteration.live,
        InitialWeights.FRESH: None,
    }[initial]


def _active_recalls(records: Records) -> list[Recall]:
    """Those that count now. A version that an interrupted stage finished keeps the recalls that it was trained with."""
    found = ((key, records.read(key)) for key in records.keys(RECALLS))
    return active(Recall.of(key, record) for key, record in found if record is not None)
