"""A run on a cluster of several nodes, of which some vanish and some come."""

import shutil
from pathlib import Path

import pytest
from fakes import Notebook
from faults import DEADLINE_S, OUTPUT, inspect, running, wait_until, write_config
from machines import machines
from small import small_settings

from benchmarks.slow_robot import ID, STEP_VARIABLE
from flywheel import wiring
from flywheel.config import parse
from flywheel.loop import run

SETTINGS = small_settings(
    name="machines",
    suites=[
        {
            "suite": "gym",
            "module": "benchmarks.slow_robot",
            "tasks": [ID],
            "max_decisions": 30,
            "demonstrations": {"episodes_per_task": 16},
        }
    ],
    train={"num_updates": [60, 400], "batch_size": 32, "checkpoint_every": 40, "warmup_updates": 5},
    collect={"episodes_per_task": 100, "num_environments": 4},
    evaluate={"episodes_per_task": 8, "final_episodes_per_task": 4},
    gate={"max_pairs": 8, "batch": 8},
    resources={"num_collectors": 4},
)
STEP_S = 0.02
COLLECTING = "ray::_Collector.collect"
"""What Ray calls a collector at work."""


def turn(store: Path, *, iterations: int) -> None:
    """In this process."""
    config = parse(SETTINGS, origin="machines")
    wiring.check(config, str(store))
    run(wiring.local(config, str(store), Notebook()), iterations=iterations)


@pytest.mark.timeout(600)
def test_nodes_may_vanish_and_come_while_an_iteration_runs(tmp_path: Path):
    store, undisturbed = tmp_path / "runs" / "machines", tmp_path / "undisturbed"
    turn(store, iterations=0)
    shutil.copytree(store, undisturbed)
    turn(undisturbed, iterations=1)
    write_config(tmp_path, SETTINGS)
    said, improvement = tmp_path / OUTPUT, store / "records" / "iterations" / "0001"

    def was_said(words: str) -> bool:
        return words in said.read_text()

    with machines(**{STEP_VARIABLE: str(STEP_S)}) as cluster:
        first = cluster.add("rollout", num_cpus=2)
        cluster.add("rollout", num_cpus=2)
        trainer = cluster.add("train", num_cpus=1)
        with running(tmp_path, "--address", cluster.address, environment=cluster.environment) as process:
            assert wait_until((improvement / "plan.json").exists, process, said=said), said.read_text()
            assert wait_until(lambda: cluster.count(COLLECTING) == 4, process, said=said), said.read_text()
            cluster.kill(first)
            added = cluster.add("rollout", num_cpus=2)
            assert not (improvement / "collect.json").exists()
            assert wait_until((improvement / "collect.json").exists, process, said=said), said.read_text()
            assert was_said("is gone, its machine too; ")
            assert was_said(f"is at work, on {added}")
            checkpoints = store / "checkpoints" / "policy-0001"
            assert wait_until(lambda: any(checkpoints.rglob("manifest.json")), process, said=said), said.read_text()
            cluster.kill(trainer)
            assert not (improvement / "train.json").exists()
            cluster.add("train", num_cpus=1)
            assert process.wait(DEADLINE_S) == 0, said.read_text()
    found, alone = (inspect(SETTINGS, str(place), iterations=1) for place in (store, undisturbed))
    assert (found.missing, found.twice, found.errors) == ([], [], [])
    assert found.policies == alone.policies
