"""Collecting on a cluster that grows: one configuration, and a node more in each round.

Nodes are processes of this machine, and the robots of `slow_robot` cost no processor time: what is measured is whether
collecting follows the nodes, and not how fast this machine's cores are.
"""

import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from time import perf_counter
from typing import Any

from ray.cluster_utils import Cluster

from benchmarks.slow_robot import ID, STEP_VARIABLE
from benchmarks.writing import machine, publish, table
from flywheel.cluster.collecting import RayCollectors
from flywheel.cluster.session import RaySession
from flywheel.config import Config, parse
from flywheel.core.behaviour import Behaviour
from flywheel.core.episode import Source
from flywheel.journal import Journal
from flywheel.workshop import Workshop

STEP_S = 0.02
CPUS_PER_NODE = 2
MOST_NODES = 3
NUM_EPISODES = 600
NUMBERS = count()
"""Of iterations, so that no two calls make the same episodes."""
CONFIG: dict[str, Any] = {
    "name": "machines",
    "suites": [{"suite": "gym", "module": "benchmarks.slow_robot", "tasks": [ID], "max_decisions": 30}],
    "collect": {"num_environments": 8},
    "resources": {"num_collectors": CPUS_PER_NODE * MOST_NODES},
}


def measure() -> None:
    before = machine()
    config = parse(CONFIG, origin="machines")
    with tempfile.TemporaryDirectory(prefix="flywheel-bench-") as store, _cluster() as cluster:
        cluster.add_node(num_cpus=CPUS_PER_NODE)
        with RaySession(num_cpus=0, address=cluster.address), closing(_collectors(config, store)) as collectors:
            speeds = [_speed(collectors, config, store, CPUS_PER_NODE)]
            for num_nodes in range(2, MOST_NODES + 1):
                cluster.add_node(num_cpus=CPUS_PER_NODE)
                speeds.append(_speed(collectors, config, store, CPUS_PER_NODE * num_nodes))
    rounds = [
        {"nodes": number, "decisions_per_s": speed, "ratio": speed / speeds[0]}
        for number, speed in enumerate(speeds, 1)
    ]
    publish(
        "machines",
        title=f"Collecting on a growing cluster ({NUM_EPISODES} episodes, a step lasts {1000 * STEP_S:.0f} ms)",
        text=table(
            ("nodes", "collectors", "decisions/s", "to one node"),
            [
                (one["nodes"], CPUS_PER_NODE * one["nodes"], f"{one['decisions_per_s']:.0f}", f"{one['ratio']:.2f}")
                for one in rounds
            ],
        ),
        result={"rounds": rounds, "step_s": STEP_S, "num_episodes": NUM_EPISODES},
        before=before,
    )


def _speed(collectors: RayCollectors, config: Config, store: str, num_collectors: int) -> float:
    """Decisions per second, once as many collectors are at work as there are places."""
    while collectors.counts().alive < num_collectors:
        _collected(collectors, config, store, num_episodes=2 * num_collectors)
    began = perf_counter()
    num_decisions = _collected(collectors, config, store, num_episodes=NUM_EPISODES)
    return num_decisions / (perf_counter() - began)


def _collected(collectors: RayCollectors, config: Config, store: str, *, num_episodes: int) -> int:
    plan = Workshop(config=config, store=store).plan()
    counts = dict.fromkeys(plan.tasks, num_episodes)
    requests = plan.requests(Source.DEMONSTRATION, iteration=next(NUMBERS), episodes_per_task=counts)
    _, made = collectors.collect(requests, Behaviour(sampled=False), Journal())
    return sum(one.num_decisions for one in made)


def _collectors(config: Config, store: str) -> RayCollectors:
    workshop = Workshop(config=config, store=store)
    return RayCollectors(
        collector=workshop.collector,
        episodes=workshop.episodes,
        num_collectors=config.resources.num_collectors,
        num_environments=config.collect.num_environments,
        episode_timeout_s=config.collect.episode_timeout_s,
    )


@contextmanager
def _cluster() -> Iterator[Cluster]:
    """A head that collects nothing."""
    os.environ.update(
        {
            STEP_VARIABLE: str(STEP_S),
            "RAY_AUTH_MODE": "disabled",
            "RAY_USAGE_STATS_ENABLED": "0",
            "OMP_NUM_THREADS": "1",
        }
    )
    logging.disable(logging.WARNING)
    cluster = Cluster(initialize_head=True, connect=False, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        yield cluster
    finally:
        cluster.shutdown()
