"""What gates promoted, looked at again: each version and the one it replaced, on many initial states of their own."""

import multiprocessing
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any

import torch

from benchmarks.writing import machine, publish, table
from flywheel import wiring
from flywheel.core.control import Deployment
from flywheel.core.environment import EnvironmentPool
from flywheel.core.episode import EpisodeRequest, EpisodeSummary, Outcome, Source
from flywheel.core.iteration import Stage
from flywheel.core.looks import statistic
from flywheel.core.pairs import compared, counted
from flywheel.core.plan import initial_state_seed
from flywheel.core.rollout import run_episodes
from flywheel.environments import suites
from flywheel.journey import history
from flywheel.learning.acting import LearnedPolicy
from flywheel.learning.codec import load_actor
from flywheel.workers.collecting import summary
from flywheel.workshop import Workshop

NUM_PAIRS = 500
SEED = 602_214_076
"""Beside the run's own: no iteration of it has met these initial states."""
PER_CHUNK = 125
CONFIDENT_Z = 1.96


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two versions on the same initial states of one task."""

    iteration: int
    promoted: str
    replaced: str
    task: str
    pairs: int
    promoted_rate: float
    replaced_rate: float
    wins: int
    losses: int
    margin: float
    """As the gate had it when it promoted."""

    @property
    def difference(self) -> float:
        return (self.wins - self.losses) / self.pairs

    @property
    def half_width(self) -> float:
        """Of the difference's 95% interval."""
        n, w, lost = self.pairs, self.wins, self.losses
        return CONFIDENT_Z * sqrt(max(w + lost - (w - lost) ** 2 / n, 0.0)) / n

    @property
    def z(self) -> float:
        """Tango's: 1.96 and more shows that no more than the margin is lost."""
        return statistic(self.wins, self.losses, self.pairs, self.margin)

    @property
    def is_worse(self) -> bool:
        """Beyond the margin."""
        return self.difference < -self.margin


def measure(store: str, *, num_pairs: int = NUM_PAIRS, processes: int = 2) -> None:
    """Of every version that a gate promoted over another one, for each task."""
    before = machine()
    workshop = Workshop(config=wiring.configuration_of(store), store=store)
    margins = {
        some.number: some.outcomes[Stage.PLAN]["gate"]["margins"]
        for some in history(workshop.records)
        if some.outcomes.get(Stage.PLAN, {}).get("gate")
    }
    promotions = [some for some in workshop.chronicle().control().deployments if some.iteration in margins]
    print(f"{len(promotions)} promotions over a live version, {num_pairs} pairs of each task", flush=True)
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        made = _Made(store=store, num_pairs=num_pairs, pool=pool)
        made.ask(
            [(version, task) for some in promotions for version in _versions(some) for task in margins[some.iteration]]
        )
        found = [
            comparison
            for promotion in promotions
            for comparison in _compare(promotion, margins[promotion.iteration], made)
        ]
    worse = [some for some in found if some.is_worse]
    header = ["iteration", "promoted", "replaced", "task", "n", "promoted %", "replaced %", "difference", "margin", "z"]
    text = table(header, [_row(some) for some in found])
    text += f"\n\nWorse by more than the margin: {len(worse)} of {len(found)}."
    name = f"promotions-{workshop.config.name}"
    result = {"comparisons": [{**asdict(some), "difference": some.difference, "z": some.z} for some in found]}
    title = f"{workshop.config.name}: promoted versions, seen again"
    publish(name, title=title, text=text, result=result, before=before)


class _Made:
    """Episodes of versions on tasks, each made once: a version is promoted first, and replaced later."""

    def __init__(self, *, store: str, num_pairs: int, pool: ProcessPoolExecutor) -> None:
        self._store, self._num_pairs, self._pool = store, num_pairs, pool
        self._chunks: dict[tuple[str, str], list[Future[list[EpisodeSummary]]]] = {}

    def ask(self, wanted: Iterable[tuple[str, str]]) -> None:
        for version, task in dict.fromkeys(wanted):
            self._chunks[version, task] = [
                self._pool.submit(episodes, self._store, version, task, range(first, last))
                for first in range(0, self._num_pairs, PER_CHUNK)
                for last in [min(first + PER_CHUNK, self._num_pairs)]
            ]

    def of(self, version: str, task: str) -> list[EpisodeSummary]:
        return [episode for chunk in self._chunks[version, task] for episode in chunk.result()]


def _versions(promotion: Deployment) -> tuple[str, str]:
    """The promoted one, and the one that it replaced."""
    assert promotion.previous is not None, "a gate compares with a live version"
    return promotion.policy_id, promotion.previous


def _compare(promotion: Deployment, margins: Mapping[str, float], made: _Made) -> list[Comparison]:
    assert promotion.iteration is not None, "a gate belongs to an iteration"
    promoted, replaced = _versions(promotion)
    comparisons = []
    for task, margin in margins.items():
        ours, theirs = made.of(promoted, task), made.of(replaced, task)
        wins, losses = counted(compared(one, other) for one, other in zip(ours, theirs, strict=True))
        comparisons.append(
            Comparison(
                iteration=promotion.iteration,
                promoted=promoted,
                replaced=replaced,
                task=task,
                pairs=len(ours),
                promoted_rate=_rate(ours),
                replaced_rate=_rate(theirs),
                wins=wins,
                losses=losses,
                margin=margin,
            )
        )
        print(" ".join(str(cell) for cell in _row(comparisons[-1])), flush=True)
    return comparisons


def episodes(store: str, policy_id: str, task: str, indices: Sequence[int]) -> list[EpisodeSummary]:
    """Of one version from the initial states with these indices, in their order; they are kept nowhere."""
    torch.set_num_threads(1)
    workshop = Workshop(config=wiring.configuration_of(store), store=store)
    actor = load_actor(workshop.policies.load(policy_id), origin=f"policy {policy_id}")
    policy = LearnedPolicy(actor=actor, version=policy_id, sampled=False, sharpness=1.0, random_actions=0.0)
    requests = [
        EpisodeRequest(
            task=task,
            seed=initial_state_seed(SEED + workshop.config.seed, Source.FINAL, iteration=0, task=task, index=index),
            iteration=0,
            source=Source.FINAL,
            policy_id=policy_id,
        )
        for index in indices
    ]
    num_environments = workshop.config.collect.num_environments
    pool = EnvironmentPool(make=suites.factory(workshop.config.suites), capacity=num_environments)
    made = {
        episode.seed: summary(episode)
        for episode in run_episodes(requests, environments=pool, policy=policy, num_environments=num_environments)
    }
    pool.close()
    return [made[request.seed] for request in requests]


def _rate(made: Sequence[EpisodeSummary]) -> float:
    return sum(episode.outcome is Outcome.SUCCESS for episode in made) / len(made)


def _row(some: Comparison) -> list[Any]:
    return [
        some.iteration,
        some.promoted,
        some.replaced,
        some.task.rpartition("/")[2],
        some.pairs,
        f"{100 * some.promoted_rate:.1f}",
        f"{100 * some.replaced_rate:.1f}",
        f"{100 * some.difference:+.1f} ± {100 * some.half_width:.1f}",
        f"{100 * some.margin:.0f}",
        f"{some.z:.1f}",
    ]
