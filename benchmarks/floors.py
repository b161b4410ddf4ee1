"""Floors: what environment, network and update cost alone, on one core; and what the rollout adds to them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import process_time
from typing import Any

import numpy as np
import torch

from benchmarks.material import POLICY, Material
from benchmarks.writing import machine, publish, table
from flywheel.core.environment import Environment, EnvironmentPool, Observation, Transition
from flywheel.core.episode import Floats
from flywheel.core.rollout import run_episodes
from flywheel.environments import suites
from flywheel.learning.acting import Actor, LearnedPolicy
from flywheel.learning.codec import load_actor
from flywheel.ports import unheard
from flywheel.workers.training import Place
from flywheel.workshop import Workshop, policies_of

NUM_RESETS = 20
NUM_DECISIONS = 200
NUM_FORWARDS = 200
NUM_UPDATES = 100
WARM_UP = 10


def measure(material: Material, *, episodes_per_task: int = 32) -> None:
    """One process, one thread. Seconds are those of the processor: what else runs on the machine counts little."""
    before = machine()
    torch.set_num_threads(1)
    actor = load_actor(policies_of(material.store).load(POLICY), origin=POLICY)
    num_environments = material.config.collect.num_environments
    floors = {f"reset of {task}, ms": 1e3 * _reset_s(material, task) for task in actor.contract.tasks}
    floors |= {f"{task}, environment steps/s": _steps_per_s(material, task) for task in actor.contract.tasks}
    floors |= {f"forward of {size} observation(s), ms": 1e3 * _forward_s(actor, size) for size in (1, num_environments)}
    floors[f"update of {material.config.train.batch_size} transitions, ms"] = 1e3 * _update_s(material)
    rollout = _rollout(material, actor, episodes_per_task)
    rows: list[list[object]] = [[name, f"{value:.2f}"] for name, value in floors.items()]
    rows += [[f"rollout, {name}", f"{value:.2f}"] for name, value in rollout.items()]
    publish(
        "floors",
        title="Floors on one core",
        text=table(["what", "figure"], rows),
        result={"floors": floors, "rollout": rollout},
        before=before,
    )


def _reset_s(material: Material, task: str) -> float:
    environment = suites.factory(material.config.suites)(task)
    environment.reset(0)
    seconds = _mean_s(lambda index: environment.reset(index), NUM_RESETS)
    environment.close()
    return seconds


def _steps_per_s(material: Material, task: str) -> float:
    """With random actions, one simulator at a time."""
    environment = suites.factory(material.config.suites)(task)
    actions = np.random.default_rng(0).uniform(-1, 1, (NUM_DECISIONS, environment.body.action_size)).astype(np.float32)
    environment.reset(0)
    seconds = _mean_s(lambda index: environment.step(actions[index]), NUM_DECISIONS)
    environment.close()
    return material.config.suites[0].action_repeat / seconds


def _forward_s(actor: Actor, size: int) -> float:
    """Sampled actions, from observations to arrays of actions."""
    contract = actor.contract
    draws = np.random.default_rng(0)
    observations = {
        name: draws.normal(size=(size, contract.history, modality.width)).astype(np.float32)
        for name, modality in contract.modalities.items()
    }
    tasks = [contract.tasks[index % len(contract.tasks)] for index in range(size)]
    uniforms = draws.random((size, contract.action_size), np.float32)
    _mean_s(lambda _: actor.act(observations, tasks, uniforms), WARM_UP)
    return _mean_s(lambda _: actor.act(observations, tasks, uniforms), NUM_FORWARDS)


def _update_s(material: Material) -> float:
    """The batch drawn anew each time, as in training."""
    request = material.training("floor", num_updates=NUM_UPDATES)
    run = Workshop(config=material.config, store=material.store).training_run(request, Place())
    sampler = run._sampler()
    learner = run._learner(sampler, unheard)

    def update(number: int) -> None:
        learner.update(sampler.batch(number))

    _mean_s(update, WARM_UP)
    return _mean_s(update, NUM_UPDATES)


def _mean_s(call: Callable[[int], Any], count: int) -> float:
    began = process_time()
    for index in range(count):
        call(index)
    return (process_time() - began) / count


@dataclass
class _Clock:
    """Seconds spent in one kind of part."""

    spent_s: float = 0.0

    def timed(self, call: Callable[[], Any]) -> Any:
        began = process_time()
        result = call()
        self.spent_s += process_time() - began
        return result


class _TimedEnvironment:
    """An environment whose making, resets and steps are counted."""

    def __init__(self, make: Callable[[], Environment], clock: _Clock) -> None:
        self._clock = clock
        self._environment: Environment = clock.timed(make)
        self.task, self.body = self._environment.task, self._environment.body
        self.max_decisions = self._environment.max_decisions

    def reset(self, seed: int) -> Observation:
        observation: Observation = self._clock.timed(lambda: self._environment.reset(seed))
        return observation

    def initial_state(self) -> str:
        return self._environment.initial_state()

    def step(self, action: Floats) -> Transition:
        transition: Transition = self._clock.timed(lambda: self._environment.step(action))
        return transition

    def close(self) -> None:
        self._environment.close()


class _TimedActor(Actor):
    """A network whose forwards are counted."""

    def __init__(self, actor: Actor, clock: _Clock) -> None:
        super().__init__(network=actor.network, contract=actor.contract)
        self._clock = clock

    def act(
        self,
        observations: Mapping[str, Floats],
        tasks: Sequence[str],
        uniforms: Floats | None = None,
        sharpness: float = 1.0,
    ) -> Floats:
        act = super().act
        actions: Floats = self._clock.timed(lambda: act(observations, tasks, uniforms, sharpness))
        return actions


def _rollout(material: Material, actor: Actor, episodes_per_task: int) -> dict[str, float]:
    """What `run_episodes` costs besides environments and network."""
    simulation, network = _Clock(), _Clock()
    make = suites.factory(material.config.suites)
    num_environments = material.config.collect.num_environments
    environments = EnvironmentPool(
        make=lambda task: _TimedEnvironment(lambda: make(task), simulation), capacity=num_environments
    )
    began = process_time()
    episodes = list(
        run_episodes(
            material.requests(1, episodes_per_task=episodes_per_task),
            environments=environments,
            policy=LearnedPolicy(actor=_TimedActor(actor, network), version=POLICY, sampled=True),
            num_environments=num_environments,
        )
    )
    total_s = process_time() - began
    steps = sum(episode.num_decisions for episode in episodes) * material.config.suites[0].action_repeat
    return {
        "environment steps/s": steps / total_s,
        "share of time in environments": simulation.spent_s / total_s,
        "share of time in the network": network.spent_s / total_s,
        "share of time in the rest": 1 - (simulation.spent_s + network.spent_s) / total_s,
    }
