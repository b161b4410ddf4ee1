"""What figures cost those that make them."""

import tempfile
from collections.abc import Callable, Mapping
from statistics import median
from time import perf_counter, process_time
from typing import Any

import numpy as np
import torch

from benchmarks import scale, synthetic
from benchmarks.material import DEMO
from benchmarks.writing import machine, publish, table
from flywheel.config import load
from flywheel.core.sampling import MemorySampler
from flywheel.core.transition import Transitions, observed_returns
from flywheel.learning.actor_critic import ActorCritic
from flywheel.learning.learner import Learner
from flywheel.store.episodes import DeltaEpisodes
from flywheel.store.labels import DeltaLabels
from flywheel.store.objects import open_objects
from flywheel.workers.training import UPDATES_PER_REPORT, means

NUM_EPISODES = 512
ROUNDS = 9


def measure() -> None:
    """Publishes all of them."""
    before = machine()
    learner = learner_cost()
    publish(
        "metrics",
        title="What figures cost",
        text=table(["what", "figure"], [[name, f"{value:.4g}"] for name, value in learner.items()]),
        result={"learner": learner},
        before=before,
    )


def learner_cost() -> dict[str, float]:
    """Of what an update does for figures alone, its share of the update; medians of rounds that measure both in turns.

    Seconds are those of the processor. The demo's network and learner, on made-up episodes in memory.
    """
    torch.set_num_threads(1)
    config = load(DEMO)
    transitions, loading_s = _transitions(discount=config.train.discount, num_steps=config.train.num_steps)
    sampler = MemorySampler(
        transitions=transitions,
        mixture=synthetic.MIXTURE,
        iteration=1,
        seed=0,
        batch_size=config.train.batch_size,
    )
    learner = _learner(config.network.model_dump(exclude={"history"}), config.train.model_dump())
    last = sampler.batch(0)
    picked = np.random.default_rng(0).integers(0, transitions.num_transitions, config.train.batch_size)

    def updates() -> None:
        first = learner.num_updates
        means([learner.update(sampler.batch(first + number)) for number in range(UPDATES_PER_REPORT)])

    def figures() -> None:
        for _ in range(UPDATES_PER_REPORT):
            _gather_and_time(transitions, picked)
        learner.inspect(last)

    updates()
    figures()
    rounds = [(_cpu_s(updates), _cpu_s(figures)) for _ in range(ROUNDS)]
    return {
        "update, ms": 1e3 * median(update for update, _ in rounds) / UPDATES_PER_REPORT,
        "figures of an update, ms": 1e3 * median(some for _, some in rounds) / UPDATES_PER_REPORT,
        "share of an update": median(some / update for update, some in rounds),
        "share of loading transitions": _returns_s(transitions, config.train.discount) / loading_s,
    }


def _gather_and_time(transitions: Transitions, picked: Any) -> tuple[Any, ...]:
    """What a batch and the loop around it do more."""
    gathered = transitions.observed_returns[picked], transitions.unobserved_discounts[picked]
    return *gathered, perf_counter() - perf_counter()


def _transitions(*, discount: float, num_steps: int) -> tuple[Transitions, float]:
    """And the processor seconds that they took."""
    with tempfile.TemporaryDirectory(prefix="flywheel-bench-") as store:
        made = scale.generate(store, synthetic.Shape(num_episodes=NUM_EPISODES, episodes_per_file=64))
        objects = open_objects(store)
        began = process_time()
        transitions = Transitions.of(
            DeltaEpisodes(objects=objects).read(version=made.episodes_version),
            DeltaLabels(objects=objects).read(version=made.labels_version),
            contract=synthetic.contract(),
            discount=discount,
            num_steps=num_steps,
        )
        return transitions, process_time() - began


def _learner(network: Mapping[str, Any], train: Mapping[str, Any]) -> Learner:
    """As iteration 0 begins."""
    same = ("critic_weight", "num_sampled_actions", "num_bootstrap_actions", "target_rate", "weight_decay")
    first = ("bc_weight", "temperature", "learning_rate")
    return Learner(
        network=lambda: ActorCritic(contract=synthetic.contract(), **network),
        seed=0,
        warmup_updates=train["warmup_updates"],
        max_gradient_norm=train["max_gradient_norm"],
        **{name: train[name] for name in same},
        **{name: train[name][0] for name in first},
    )


def _returns_s(transitions: Transitions, discount: float) -> float:
    """Of as many transitions, in episodes of 50."""
    lengths = np.full(transitions.num_transitions // 50, 50)
    rewards = transitions.returns[: lengths.sum()]
    ended = np.zeros(len(lengths), np.bool_)
    return _cpu_s(lambda: observed_returns(rewards, lengths=lengths, terminated=ended, discount=discount))


def _cpu_s(call: Callable[[], object]) -> float:
    began = process_time()
    call()
    return process_time() - began
