"""Deploy: the endpoint serves the live version, and it is proven that it does."""

from typing import Any

import numpy as np

from flywheel.core.episode import EpisodeSummary, Outcome, Source
from flywheel.core.errors import EndpointError
from flywheel.core.gate import Decision
from flywheel.core.iteration import Iteration, Stage
from flywheel.ports import Ports


def deploy(iteration: Iteration, ports: Ports) -> dict[str, Any]:
    """A promoted candidate becomes the live version; otherwise the endpoint goes on with the one before."""
    verdict = iteration.outcomes[Stage.EVALUATE]
    promoted = verdict["decision"] == Decision.PROMOTE
    live = verdict["policy_id"] if promoted else iteration.live
    if live is not None:
        ports.endpoint.deploy(live)
        _prove(live, iteration, ports)
    return {"live": live, "deployed": promoted}


def _prove(live: str, iteration: Iteration, ports: Ports) -> None:
    """EndpointError: on observations of its own episodes the endpoint acts otherwise than the stored weights."""
    version = iteration.outcomes[Stage.EVALUATE]["episodes_version"]
    for task, episode_id in _one_episode_per_task(live, iteration.number, version, ports).items():
        (episode,) = ports.episodes.read(version=version, episode_ids=[episode_id])
        observations = {name: values[:-1, None] for name, values in episode.observations.items()}
        served, served_version = ports.endpoint.act(observations, task)
        stored = ports.reference.act(live, observations, task)
        if served_version != live or not np.array_equal(served, stored):
            raise EndpointError(f"the endpoint answers as {served_version} and not as the stored weights of {live}")


def _one_episode_per_task(live: str, number: int, version: int, ports: Ports) -> dict[str, str]:
    def fits(episode: EpisodeSummary) -> bool:
        evaluated = episode.source is Source.EVALUATION and episode.behaviour_policy == live
        return evaluated and episode.outcome is not Outcome.ERROR

    made = ports.episodes.summaries(version=version, iteration=number)
    return {episode.task: episode.episode_id for episode in made if fits(episode)}
