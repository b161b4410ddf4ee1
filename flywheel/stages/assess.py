"""Assess: how good the live version is on initial states that nothing was chosen by."""

from typing import Any

from flywheel.core.behaviour import Behaviour
from flywheel.core.episode import Source
from flywheel.core.iteration import Iteration
from flywheel.core.plan import Plan
from flywheel.ports import Ports
from flywheel.stages.gather import Order, gather, results


def assess(iteration: Iteration, live: str, ports: Ports) -> dict[str, Any]:
    """After the last iteration. These episodes are never trained on."""
    asked = order(iteration, live, ports.plan)
    version, episodes, work_s = gather(
        asked.requests,
        Behaviour(sampled=False),
        transaction=asked.transaction,
        ports=ports,
    )
    return {
        "policy_id": live,
        "episodes_version": version,
        "data_digests": {"episodes": ports.episodes.digest(version)},
        "tasks": results(episodes, ports.plan.gate.label_errors),
        "work_s": work_s,
    }


def order(iteration: Iteration, live: str, plan: Plan) -> Order:
    """What the live version is asked for."""
    return Order(
        transaction=f"{iteration.number:04d}-final",
        requests=plan.requests(
            Source.FINAL,
            iteration=iteration.number,
            episodes_per_task=dict.fromkeys(plan.tasks, plan.final_episodes_per_task),
            policy_id=live,
        ),
    )
