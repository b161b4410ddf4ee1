"""Collect: the live policy version makes its own episodes, failures too."""

from typing import Any

from flywheel.core.episode import Source
from flywheel.core.iteration import Iteration
from flywheel.ports import Behaviour, Ports
from flywheel.stages.gather import gather, results


def collect(iteration: Iteration, ports: Ports) -> dict[str, Any]:
    """Draws actions from the live policy's distribution. While there is no live version, the demonstrators go on."""
    plan = ports.plan
    requests = plan.requests(
        Source.COLLECTION,
        iteration=iteration.number,
        episodes_per_task=dict.fromkeys(plan.tasks, plan.collect_episodes_per_task),
        policy_id=iteration.live,
    )
    version, episodes, work_s = gather(
        requests,
        Behaviour(policy_id=iteration.live, sampled=True, sharpness=plan.sharpness, random_actions=plan.random_actions),
        transaction=f"{iteration.number:04d}-collect",
        ports=ports,
    )
    return {
        "episodes_version": version,
        "data_digests": {"episodes": ports.episodes.digest(version)},
        "behaviour_policy": episodes[0].behaviour_policy,
        "tasks": results(episodes),
        "work_s": work_s,
    }
