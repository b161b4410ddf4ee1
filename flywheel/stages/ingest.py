"""Ingest: iteration 0 begins with demonstrations."""

from typing import Any

from flywheel.core.behaviour import Behaviour
from flywheel.core.episode import Source
from flywheel.core.iteration import Iteration
from flywheel.core.plan import Plan
from flywheel.ports import Ports
from flywheel.stages.gather import Order, gather, results


def ingest(iteration: Iteration, ports: Ports) -> dict[str, Any]:
    """Lets the tasks' demonstrators act."""
    asked = order(iteration, ports.plan)
    version, episodes, work_s = gather(
        asked.requests,
        Behaviour(sampled=True),
        transaction=asked.transaction,
        ports=ports,
    )
    return {
        "episodes_version": version,
        "data_digests": {"episodes": ports.episodes.digest(version)},
        "tasks": results(episodes, ports.plan.gate.label_errors),
        "work_s": work_s,
    }


def order(iteration: Iteration, plan: Plan) -> Order:
    """What the demonstrators are asked for."""
    return Order(
        transaction=f"{iteration.number:04d}-ingest",
        requests=plan.requests(Source.DEMONSTRATION, iteration=iteration.number, episodes_per_task=plan.demonstrations),
    )
