"""Collect: the live policy version makes its own episodes, failures too."""

from typing import Any

from flywheel.core.allocation import Portion
from flywheel.core.behaviour import Behaviour
from flywheel.core.iteration import Iteration, Stage
from flywheel.core.plan import Plan
from flywheel.ports import Ports
from flywheel.stages.gather import Order, gather, results


def collect(iteration: Iteration, ports: Ports) -> dict[str, Any]:
    """Draws actions from the live policy's distribution. While there is no live version, the demonstrators go on."""
    plan = ports.plan
    asked = order(iteration, plan)
    version, episodes, work_s = gather(
        asked.requests,
        Behaviour(sampled=True, sharpness=plan.sharpness, random_actions=plan.random_actions),
        transaction=asked.transaction,
        ports=ports,
    )
    return {
        "episodes_version": version,
        "data_digests": {"episodes": ports.episodes.digest(version)},
        "behaviour_policy": episodes[0].behaviour_policy,
        "tasks": results(episodes, plan.gate.label_errors),
        "work_s": work_s,
    }


def order(iteration: Iteration, plan: Plan) -> Order:
    """What the live version, or the demonstrators, are asked for: what the iteration's plan says."""
    planned = iteration.outcomes[Stage.PLAN]["collect"]
    return Order(
        transaction=f"{iteration.number:04d}-collect",
        requests=plan.collection(
            iteration=iteration.number,
            portions={task: Portion.of(portion) for task, portion in planned.items()},
            policy_id=iteration.live,
        ),
    )
