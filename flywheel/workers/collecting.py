"""Collector: runs environments with one behaviour and writes what it made. Plain; Ray dresses it in cluster/."""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from time import perf_counter

from flywheel.core.behaviour import Behaviour
from flywheel.core.environment import Environment, EnvironmentPool
from flywheel.core.episode import Episode, EpisodeRequest, EpisodeSummary
from flywheel.core.rollout import Policy, run_episodes
from flywheel.learning.acting import Actor, LearnedPolicy
from flywheel.learning.codec import load_actor
from flywheel.ports import Notice, Part, PartWriter, Policies

EPISODES_PER_PART = 64
NUM_ACTORS = 2
"""Kept in memory: a candidate and the live version that it is compared with."""


def never() -> bool:
    """What is not to be stopped."""
    return False


class Collector:
    """Makes episodes, `num_environments` at a time, and writes them in parts that are still invisible."""

    def __init__(
        self,
        *,
        environment: Callable[[str], Environment],
        demonstrator: Callable[[], Policy],
        policies: Policies,
        writer: PartWriter,
        num_environments: int,
    ) -> None:
        self._environments = EnvironmentPool(make=environment, capacity=num_environments)
        self._demonstrator = demonstrator
        self._policies, self._writer = policies, writer
        self._num_environments = num_environments
        self._actors: dict[str, Actor] = {}
        """Of the policy versions that acted last."""

    def collect(
        self, requests: Iterable[EpisodeRequest], behaviour: Behaviour, *, stopping: Callable[[], bool] = never
    ) -> Iterator[EpisodeSummary | Part | Notice]:
        """Yields each episode's summary as it ends, and a part once the store has it.

        Requests are taken one by one and start in the order given; where the next one is another policy's, the episodes
        of the one before end first. Parts come in the order of the summaries, each for the oldest that no part covers,
        maybe much later; a summary without its part is lost if the process dies. No new episode ends while what waits
        for the store finds no room; signs of life are all that comes then. Once it is `stopping`, no further episode is
        finished, and those that are, are written.
        """
        writer = self._writer
        writer.discard()
        unwritten: list[Episode] = []
        began = perf_counter()
        for episode in self._episodes(requests, behaviour):
            unwritten.append(episode)
            yield summary(episode)
            if stopping():
                break
            if len(unwritten) == EPISODES_PER_PART:
                writer.add(unwritten, work_s=perf_counter() - began)
                while writer.is_full:
                    yield from writer.wait()
                unwritten, began = [], perf_counter()
            yield from writer.poll()
        if unwritten:
            writer.add(unwritten, work_s=perf_counter() - began)
        yield from writer.poll()
        while writer.num_waiting:
            yield from writer.wait()

    def _episodes(self, requests: Iterable[EpisodeRequest], behaviour: Behaviour) -> Iterator[Episode]:
        for policy_id, some in groupby(requests, key=lambda request: request.policy_id):
            yield from run_episodes(
                some,
                environments=self._environments,
                policy=self._policy(policy_id, behaviour),
                num_environments=self._num_environments,
            )

    def _policy(self, policy_id: str | None, behaviour: Behaviour) -> Policy:
        if policy_id is None:
            return self._demonstrator()
        return LearnedPolicy(
            actor=self._actor(policy_id),
            version=policy_id,
            sampled=behaviour.sampled,
            sharpness=behaviour.sharpness,
            random_actions=behaviour.random_actions,
        )

    def _actor(self, policy_id: str) -> Actor:
        if policy_id not in self._actors:
            actor = load_actor(self._policies.load(policy_id), origin=f"policy {policy_id}")
            newest = list(self._actors.items())[1 - NUM_ACTORS :]
            self._actors = {**dict(newest), policy_id: actor}
        return self._actors[policy_id]


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
