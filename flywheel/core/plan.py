"""Plan: what every turn of the wheel does, as plain values; and the seeds of its episodes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar
from zlib import crc32

import numpy as np

from flywheel.core.allocation import AllocationRules, Portion
from flywheel.core.episode import EpisodeRequest, Source
from flywheel.core.gate_rules import GateRules
from flywheel.core.mixture import Mixture

Value = TypeVar("Value")


class InitialWeights(StrEnum):
    """Where an iteration's training starts."""

    CANDIDATE = "candidate"
    LIVE = "live"
    FRESH = "fresh"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The settings that the stages need. Schedules hold a value per iteration; the last one holds from there on."""

    seed: int
    demonstrations: Mapping[str, int]
    """Task -> episodes to ingest at iteration 0. Its keys are the tasks."""
    collect_episodes_per_task: int
    """On average over the tasks: times their number it is the budget of an iteration."""
    allocation: AllocationRules
    sharpness: float
    random_actions: float
    evaluate_episodes_per_task: int
    """While no version is live; otherwise the gate says how many."""
    final_episodes_per_task: int
    mixture: Sequence[Mixture]
    num_updates: Sequence[int]
    bc_weight: Sequence[float]
    temperature: Sequence[float]
    learning_rate: Sequence[float]
    initial_weights: InitialWeights
    gate: GateRules

    @property
    def tasks(self) -> tuple[str, ...]:
        return tuple(self.demonstrations)

    def requests(
        self,
        source: Source,
        *,
        iteration: int,
        episodes_per_task: Mapping[str, int],
        policy_id: str | None = None,
        first: int = 0,
    ) -> list[EpisodeRequest]:
        """Episodes with initial states of their own: other sources, iterations, tasks and indices have other seeds.

        Policies asked under the same source and iteration meet the same initial states. Of each task those with the
        indices from `first` up to its number of episodes.
        """
        seeds = {
            task: self.seeds(source, iteration=iteration, task=task, count=count)[first:]
            for task, count in episodes_per_task.items()
        }
        return _in_turn(source, iteration=iteration, seeds=seeds, policy_id=policy_id)

    def collection(
        self, *, iteration: int, portions: Mapping[str, Portion], policy_id: str | None
    ) -> list[EpisodeRequest]:
        """Fresh initial states, and those to be met again; none twice in one iteration."""
        seeds = {
            task: list(
                dict.fromkeys(
                    [
                        *self.seeds(Source.COLLECTION, iteration=iteration, task=task, count=portion.fresh),
                        *portion.revisit,
                    ]
                )
            )
            for task, portion in portions.items()
        }
        return _in_turn(Source.COLLECTION, iteration=iteration, seeds=seeds, policy_id=policy_id)

    def seeds(self, source: Source, *, iteration: int, task: str, count: int) -> list[int]:
        """Of the first `count` initial states, by index."""
        return [
            initial_state_seed(self.seed, source, iteration=iteration, task=task, index=index) for index in range(count)
        ]


def _in_turn(
    source: Source, *, iteration: int, seeds: Mapping[str, Sequence[int]], policy_id: str | None
) -> list[EpisodeRequest]:
    """Tasks take turns, so that every share of the list holds about as much of each task."""
    return [
        EpisodeRequest(task=task, seed=mine[place], iteration=iteration, source=source, policy_id=policy_id)
        for place in range(max(map(len, seeds.values()), default=0))
        for task, mine in seeds.items()
        if place < len(mine)
    ]


def initial_state_seed(seed: int, source: Source, *, iteration: int, task: str, index: int) -> int:
    """A seed in [0, 2^32), the same on every machine."""
    words = (seed, crc32(source.encode()), iteration, crc32(task.encode()), index)
    return int(np.random.SeedSequence(words).generate_state(1)[0])


def at(values: Sequence[Value], iteration: int) -> Value:
    """A schedule's value for the iteration: the last one holds from there on."""
    return values[min(iteration, len(values) - 1)]
