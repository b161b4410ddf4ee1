"""Ports in this process: the same plain classes as on Ray, one after the other. For unit tests and small runs."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property

from flywheel.core.behaviour import Behaviour
from flywheel.core.episode import EpisodeRequest, EpisodeSummary, Floats
from flywheel.core.errors import EndpointError
from flywheel.core.training import TrainingRequest, TrainingResult
from flywheel.learning.acting import Actor
from flywheel.learning.codec import load_actor
from flywheel.logs.about import about
from flywheel.ports import Brake, CollectorCounts, Notice, Observer, Part, Policies, unstopped
from flywheel.workers.collecting import Collector
from flywheel.workers.training import TrainingRun


class LocalCollectors:
    """One collector, made when it is first needed."""

    def __init__(self, *, collector: Callable[[], Collector], brake: Brake = unstopped) -> None:
        self._make, self._brake = collector, brake
        self._num_decisions = 0

    def collect(
        self, requests: Sequence[EpisodeRequest], behaviour: Behaviour, observer: Observer
    ) -> tuple[list[Part], list[EpisodeSummary]]:
        parts: list[Part] = []
        summaries: list[EpisodeSummary] = []
        for made in self._collector.collect(requests, behaviour, stopping=lambda: self._brake() is not None):
            if isinstance(made, Part):
                parts.append(made)
            elif isinstance(made, Notice):
                if made.message:
                    observer.event(made.message)
            else:
                summaries.append(made)
                self._num_decisions += made.num_decisions
                observer.progress(len(summaries), len(requests))
                if made.error is not None:
                    with about(episode=made.episode_id, policy_version=made.behaviour_policy):
                        observer.event(f"episode {made.episode_id} failed: {made.error}")
        return parts, summaries

    def counts(self) -> CollectorCounts:
        return CollectorCounts(alive=1, num_decisions=self._num_decisions)

    @cached_property
    def _collector(self) -> Collector:
        return self._make()


class LocalRelabeler:
    """One part for all episodes."""

    def __init__(self, *, relabel: Callable[[Sequence[str], int], Part]) -> None:
        self._relabel = relabel

    def relabel(self, episodes: Sequence[EpisodeSummary], *, episodes_version: int, observer: Observer) -> list[Part]:
        part = self._relabel([episode.episode_id for episode in episodes], episodes_version)
        observer.progress(len(episodes), len(episodes))
        return [part]


class LocalTrainer:
    """One training run, without workers."""

    def __init__(self, *, run: Callable[[TrainingRequest], TrainingRun]) -> None:
        self._run = run

    def train(self, request: TrainingRequest, observer: Observer) -> TrainingResult:
        result = self._run(request).run(
            lambda done, total, figures: observer.progress(done, total, **figures), observer.event
        )
        assert result is not None, "the only worker has rank 0"
        return result


class StoredPolicies:
    """Stored weights, run in this process."""

    def __init__(self, *, policies: Policies) -> None:
        self._policies = policies
        self._actors: dict[str, Actor] = {}

    def act(self, policy_id: str, observations: Mapping[str, Floats], task: str) -> Floats:
        """Most likely actions [B, A] of the task. CheckpointError: the version is missing or damaged."""
        if policy_id not in self._actors:
            self._actors = {policy_id: load_actor(self._policies.load(policy_id), origin=f"policy {policy_id}")}
        actor = self._actors[policy_id]
        batch = actor.batch(observations, task)
        actions = actor.act(batch, [task] * len(next(iter(batch.values()))))
        return actions[:, : actor.contract.action_sizes[task]]


class LocalEndpoint:
    """Serves to callers in this process."""

    def __init__(self, *, policies: Policies) -> None:
        self._stored = StoredPolicies(policies=policies)
        self._live: str | None = None

    def reserved(self) -> AbstractContextManager[None]:
        return nullcontext()

    def deploy(self, policy_id: str) -> None:
        self._live = policy_id

    def act(self, observations: Mapping[str, Floats], task: str) -> tuple[Floats, str]:
        if self._live is None:
            raise EndpointError("no policy version is deployed")
        return self._stored.act(self._live, observations, task), self._live
