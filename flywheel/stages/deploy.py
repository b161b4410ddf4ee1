"""Deploy: the endpoint serves the live version, and it is proven that it does."""

from functools import partial
from typing import Any

import numpy as np

from flywheel.core.commands import policies
from flywheel.core.episode import EpisodeSummary, Outcome, Source
from flywheel.core.errors import ConflictError, EndpointError
from flywheel.core.gate import Decision
from flywheel.core.iteration import Iteration, Stage
from flywheel.ports import Ports


def deploy(iteration: Iteration, ports: Ports) -> dict[str, Any]:
    """A promoted candidate becomes the live version; otherwise the endpoint goes on with the one that is."""
    verdict = iteration.outcomes[Stage.EVALUATE]
    promoted, reason = verdict["decision"] == Decision.PROMOTE, verdict["reason"]
    with ports.endpoint.reserved():
        if promoted:
            _serve(verdict["policy_id"], iteration, ports)
            promoted, reason = _promote(verdict["policy_id"], reason, iteration, ports)
        live = ports.chronicle.control().live
        if live is not None and not promoted:
            _serve(live, iteration, ports)
    return {"live": live, "deployed": promoted, "reason": reason}


def _promote(candidate: str, reason: str, iteration: Iteration, ports: Ports) -> tuple[bool, str]:
    """Whether it is the live version now, and why. A person may have made another one live meanwhile."""
    decide = partial(
        policies.promote_by_gate,
        policy_id=candidate,
        iteration=iteration.number,
        judged_against=iteration.live,
        reason=reason,
        owner=ports.owner,
    )
    try:
        ports.chronicle.append(decide)
    except ConflictError as refusal:
        return False, str(refusal)
    return True, reason


def _serve(policy_id: str, iteration: Iteration, ports: Ports) -> None:
    """EndpointError: on observations of its own episodes the endpoint acts otherwise than the stored weights."""
    ports.endpoint.deploy(policy_id)
    version = iteration.outcomes[Stage.EVALUATE]["episodes_version"]
    for task, episode_id in _one_episode_per_task(policy_id, iteration.number, version, ports).items():
        (episode,) = ports.episodes.read(version=version, episode_ids=[episode_id])
        observations = {name: values[:-1, None] for name, values in episode.observations.items()}
        served, served_version = ports.endpoint.act(observations, task)
        stored = ports.reference.act(policy_id, observations, task)
        if served_version != policy_id or not np.array_equal(served, stored):
            raise EndpointError(
                f"the endpoint answers as {served_version} and not as the stored weights of {policy_id}"
            )


def _one_episode_per_task(policy_id: str, number: int, version: int, ports: Ports) -> dict[str, str]:
    def fits(episode: EpisodeSummary) -> bool:
        evaluated = episode.source is Source.EVALUATION and episode.behaviour_policy == policy_id
        return evaluated and episode.outcome is not Outcome.ERROR

    made = ports.episodes.summaries(version=version, iteration=number)
    return {episode.task: episode.episode_id for episode in made if fits(episode)}
