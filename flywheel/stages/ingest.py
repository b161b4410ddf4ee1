"""Ingest: iteration 0 begins with demonstrations."""

from typing import Any

from flywheel.core.episode import Source
from flywheel.core.iteration import Iteration
from flywheel.ports import Behaviour, Ports
from flywheel.stages.gather import gather, results


def ingest(iteration: Iteration, ports: Ports) -> dict[str, Any]:
    """Lets the tasks' demonstrators act."""
    plan = ports.plan
    requests = plan.requests(Source.DEMONSTRATION, iteration=iteration.number, episodes_per_task=plan.demonstrations)
    version, episodes, work_s = gather(
        requests,
        Behaviour(policy_id=None, sampled=True),
        transaction=f"{iteration.number:04d}-ingest",
        ports=ports,
    )
    return {
        "episodes_version": version,
        "data_digests": {"episodes": ports.episodes.digest(version)},
        "tasks": results(episodes),
        "work_s": work_s,
    }
