"""Collector: runs environments with one behaviour and writes what it made. Plain; Ray dresses it in cluster/."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from time import perf_counter

from flywheel.core.environment import Environment, EnvironmentPool
from flywheel.core.episode import Episode, EpisodeRequest
from flywheel.core.rollout import Policy, run_episodes
from flywheel.learning.acting import LearnedPolicy
from flywheel.learning.codec import load_actor
from flywheel.ports import Behaviour, EpisodeSummary, EpisodeTable, Part, Policies

EPISODES_PER_PART = 64


class Collector:
    """Makes episodes, `num_environments` at a time, and writes them in parts that are still invisible."""

    def __init__(
        self,
        *,
        environment: Callable[[str], Environment],
        demonstrator: Callable[[], Policy],
        policies: Policies,
        episodes: EpisodeTable,
        num_environments: int,
    ) -> None:
        self._environments = EnvironmentPool(make=environment, capacity=num_environments)
        self._demonstrator = demonstrator
        self._policies, self._episodes = policies, episodes
        self._num_environments = num_environments

    def collect(self, requests: Sequence[EpisodeRequest], behaviour: Behaviour) -> Iterator[EpisodeSummary | Part]:
        """Yields each episode's summary as it ends, and a part once the episodes since the last part are written.

        Requests start in the order given. What was yielded without a part after it is lost if the process dies.
        """
        policy = self._policy(behaviour)
        unwritten: list[Episode] = []
        began = perf_counter()
        for episode in run_episodes(
            requests, environments=self._environments, policy=policy, num_environments=self._num_environments
        ):
            unwritten.append(episode)
            yield summary(episode)
            if len(unwritten) == EPISODES_PER_PART:
                yield replace(self._episodes.write(unwritten), work_s=perf_counter() - began)
                unwritten, began = [], perf_counter()
        if unwritten:
            yield replace(self._episodes.write(unwritten), work_s=perf_counter() - began)

    def _policy(self, behaviour: Behaviour) -> Policy:
        if behaviour.policy_id is None:
            return self._demonstrator()
        actor = load_actor(self._policies.load(behaviour.policy_id), origin=f"policy {behaviour.policy_id}")
        return LearnedPolicy(
            actor=actor,
            version=behaviour.policy_id,
            sampled=behaviour.sampled,
            sharpness=behaviour.sharpness,
            random_actions=behaviour.random_actions,
        )


def summary(episode: Episode) -> EpisodeSummary:
    """The episode without its arrays."""
    return EpisodeSummary(
        episode_id=episode.episode_id,
        task=episode.task,
        scene=episode.scene,
        source=episode.source,
        iteration=episode.iteration,
        behaviour_policy=episode.behaviour_policy,
        seed=episode.seed,
        initial_state=episode.initial_state,
        outcome=episode.outcome,
        num_decisions=episode.num_decisions,
        time_to_success_s=episode.time_to_success_s,
        error=episode.error,
    )
