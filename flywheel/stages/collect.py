"""Collect: the live policy version makes its own episodes, failures too."""

from typing import Any

from flywheel.core.behaviour import Behaviour
from flywheel.core.episode import Source
from flywheel.core.iteration import Iteration
from flywheel.core.plan import Plan
from flywheel.ports import Ports
from flywheel.stages.gather import Order, gather, results


def collect(iteration: Iteration, ports: Ports) -> dict[str, Any]:
    """Draws actions from the live policy's distribution. While there is no live version, the demonstrators go on."""
    plan = ports.plan
    asked = order(iteration, plan)
    version, episodes, work_s = gather(
        asked.requests,
        Behaviour(policy_id=iteration.live, sampled=True, sharpness=plan.sharpness, random_actions=plan.random_actions),
        transaction=asked.transaction,
        ports=ports,
    )
    return {
        "episodes_version": version,
        "data_digests": {"episodes": ports.episodes.digest(version)},
        "behaviour_policy": episodes[0].behaviour_policy,
        "tasks": results(episodes),
        "work_s": work_s,
    }


def order(iteration: Iteration, plan: Plan) -> Order:
    """What the live version, or the demonstrators, are asked for."""
    return Order(
        transaction=f"{iteration.number:04d}-collect",
        requests=plan.requests(
            Source.COLLECTION,
            iteration=iteration.number,
            episodes_per_task=dict.fromkeys(plan.tasks, plan.collect_episodes_per_task),
            policy_id=iteration.live,
        ),
    )
