"""Assess: how good the live version is on initial states that nothing was chosen by."""

from typing import Any

from flywheel.core.episode import Source
from flywheel.core.iteration import Iteration
from flywheel.ports import Behaviour, Ports
from flywheel.stages.gather import gather, results


def assess(iteration: Iteration, live: str, ports: Ports) -> dict[str, Any]:
    """After the last iteration. These episodes are never trained on."""
    plan = ports.plan
    requests = plan.requests(
        Source.FINAL,
        iteration=iteration.number,
        episodes_per_task=dict.fromkeys(plan.tasks, plan.final_episodes_per_task),
        policy_id=live,
    )
    version, episodes, work_s = gather(
        requests,
        Behaviour(policy_id=live, sampled=False),
        transaction=f"{iteration.number:04d}-final",
        ports=ports,
    )
    return {
        "policy_id": live,
        "episodes_version": version,
        "data_digests": {"episodes": ports.episodes.digest(version)},
        "tasks": results(episodes),
        "work_s": work_s,
    }
