"""Collectors on Ray against plain processes: the same requests, environments and weights, on the same cores."""

import multiprocessing
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from statistics import median
from time import perf_counter
from typing import Any

import torch

from benchmarks.material import POLICY, Material
from benchmarks.writing import machine, publish, table
from flywheel.cluster.collecting import RayCollectors
from flywheel.cluster.session import RaySession
from flywheel.cluster.shares import split
from flywheel.config import Config
from flywheel.core.behaviour import Behaviour
from flywheel.core.environment import EnvironmentPool
from flywheel.core.episode import EpisodeRequest
from flywheel.core.rollout import run_episodes
from flywheel.environments import suites
from flywheel.learning.acting import LearnedPolicy
from flywheel.learning.codec import load_actor
from flywheel.workshop import Workshop, policies_of

BEHAVIOUR = Behaviour(sampled=True)
WARM_UP_EPISODES = 8


def measure(material: Material, *, num_collectors: int = 2, episodes_per_task: int = 60, rounds: int = 3) -> None:
    """Both sides stay up and are warmed up; each round measures both, in turns the one or the other first."""
    before = machine()
    workshop = Workshop(config=material.config, store=material.store)
    repeat = material.config.suites[0].action_repeat
    measured: list[dict[str, Any]] = []
    with RaySession(num_cpus=num_collectors + 1), _plain_loops(material, num_collectors) as loops:
        ray_collectors = RayCollectors(
            collector=workshop.collector,
            episodes=material.ports.episodes,
            num_collectors=num_collectors,
            num_environments=material.config.collect.num_environments,
            episode_timeout_s=material.config.collect.episode_timeout_s,
        )
        for number in range(rounds + 1):
            warm_up = number == 0
            requests = material.requests(number, episodes_per_task=WARM_UP_EPISODES if warm_up else episodes_per_task)
            sides = {
                "plain": lambda requests=requests: _collect_plainly(requests, loops),
                "ray": lambda requests=requests: _collect_on_ray(requests, ray_collectors, material),
            }
            result = {name: sides[name]() for name in (sorted(sides) if number % 2 else sorted(sides, reverse=True))}
            if result["plain"]["decisions"] != result["ray"]["decisions"]:
                raise AssertionError(f"both sides were to make the same episodes: {result}")
            if not warm_up:
                measured.append(result)
        ray_collectors.close()
    _publish(measured, repeat=repeat, num_collectors=num_collectors, before=before)


def _publish(measured: Sequence[dict[str, Any]], *, repeat: int, num_collectors: int, before: dict[str, Any]) -> None:
    rounds = [
        {
            "environment_steps": result["ray"]["decisions"] * repeat,
            "plain_steps_per_s": result["plain"]["decisions"] * repeat / result["plain"]["wall_s"],
            "ray_steps_per_s": result["ray"]["decisions"] * repeat / result["ray"]["wall_s"],
            "ratio": result["plain"]["wall_s"] / result["ray"]["wall_s"],
            "busy": result["ray"]["work_s"] / num_collectors / result["ray"]["wall_s"],
        }
        for result in measured
    ]
    rows: list[list[object]] = [
        [
            number,
            f"{one['environment_steps']:.0f}",
            f"{one['plain_steps_per_s']:.0f}",
            f"{one['ray_steps_per_s']:.0f}",
            f"{one['ratio']:.3f}",
            f"{one['busy']:.3f}",
        ]
        for number, one in enumerate(rounds, 1)
    ]
    ratio = median(one["ratio"] for one in rounds)
    rows.append(["**median**", "", "", "", f"**{ratio:.3f}**", f"{median(one['busy'] for one in rounds):.3f}"])
    header = ["round", "environment steps", "plain steps/s", "Ray steps/s", "ratio", "collectors busy"]
    publish(
        "collectors",
        title=f"Collectors: {num_collectors} Ray actors against {num_collectors} plain processes",
        text=table(header, rows),
        result={"num_collectors": num_collectors, "rounds": rounds, "ratio": ratio},
        before=before,
    )


@contextmanager
def _plain_loops(material: Material, count: int) -> Iterator[list[Connection]]:
    """Processes that make episodes and keep nothing but how many decisions these had."""
    spawn = multiprocessing.get_context("spawn")
    processes, connections = [], []
    for _ in range(count):
        ours, theirs = spawn.Pipe()
        process = spawn.Process(target=_loop, args=(theirs, material.config, material.store), daemon=True)
        process.start()
        processes.append(process)
        connections.append(ours)
    try:
        yield connections
    finally:
        for connection in connections:
            connection.send(None)
        for process in processes:
            process.join()


def _loop(connection: Connection, config: Config, store: str) -> None:
    torch.set_num_threads(1)
    actor = load_actor(policies_of(store).load(POLICY), origin=POLICY)
    num_environments = config.collect.num_environments
    environments = EnvironmentPool(make=suites.factory(config.suites), capacity=num_environments)
    while (requests := connection.recv()) is not None:
        episodes = run_episodes(
            requests,
            environments=environments,
            policy=LearnedPolicy(actor=actor, version=POLICY, sampled=BEHAVIOUR.sampled),
            num_environments=num_environments,
        )
        connection.send(sum(episode.num_decisions for episode in episodes))


def _collect_plainly(requests: Sequence[EpisodeRequest], loops: Sequence[Connection]) -> dict[str, float]:
    began = perf_counter()
    for loop, share in zip(loops, split(requests, len(loops)), strict=True):
        loop.send(share.requests)
    decisions = sum(loop.recv() for loop in loops)
    return {"decisions": decisions, "wall_s": perf_counter() - began}


def _collect_on_ray(
    requests: Sequence[EpisodeRequest], collectors: RayCollectors, material: Material
) -> dict[str, float]:
    began = perf_counter()
    parts, summaries = collectors.collect(requests, BEHAVIOUR, material.ports.observer)
    return {
        "decisions": sum(summary.num_decisions for summary in summaries),
        "wall_s": perf_counter() - began,
        "work_s": sum(part.work_s for part in parts),
    }
