"""The whole process group is killed, at every stage boundary and inside collect and train; the same command goes on."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from small import NAME, small_config, small_settings

from flywheel.core.episode import Source
from flywheel.store.episodes import DeltaEpisodes
from flywheel.store.objects import open_objects
from flywheel.wiring import Workshop

DEADLINE_S = 240.0
POLL_INTERVAL_S = 0.02


@contextmanager
def running(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The command in a process group of its own, which does not outlive the block."""
    command = [sys.executable, "-m", "flywheel.cli", "run", "given.yaml"]
    with (folder / "output.txt").open("ab") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output, start_new_session=True)
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def kill_when(folder: Path, happened: Callable[[], bool]) -> None:
    """Runs the command until it happened, then kills the group at once."""
    with running(folder) as process:
        deadline = time.monotonic() + DEADLINE_S
        while not happened():
            assert process.poll() is None, (folder / "output.txt").read_text()
            assert time.monotonic() < deadline, (folder / "output.txt").read_text()
            time.sleep(POLL_INTERVAL_S)


def one_more_file_of_episodes(store: Path) -> Callable[[], bool]:
    """Collectors have written, and nothing is committed yet."""
    before: list[int] = []

    def happened() -> bool:
        files = len(list((store / "episodes").rglob("*.parquet")))
        before.append(files)
        return files > before[0]

    return happened


def records(store: Path) -> dict[str, bytes]:
    return {str(path.relative_to(store)): path.read_bytes() for path in sorted((store / "records").rglob("*.json"))}


@pytest.mark.timeout(540)
def test_a_run_that_is_killed_everywhere_ends_like_one_that_is_not(tmp_path):
    (tmp_path / "given.yaml").write_text(yaml.safe_dump(small_settings()))
    store = tmp_path / "runs" / NAME
    improvement = store / "records" / "iterations" / "0001"
    pretraining = store / "records" / "iterations" / "0000"
    points: list[Callable[[], bool]] = [
        *[(pretraining / f"{stage}.json").exists for stage in ("ingest", "relabel")],
        lambda: any((store / "checkpoints" / "policy-0000").rglob("manifest.json")),
        *[(pretraining / f"{stage}.json").exists for stage in ("train", "evaluate", "deploy")],
        one_more_file_of_episodes(store),
        (improvement / "collect.json").exists,
    ]
    kept: dict[str, bytes] = {}
    for happened in points:
        kill_when(tmp_path, happened)
        now = records(store)
        assert {key: now[key] for key in kept} == kept, "what has a record is not done again"
        kept = now
    with running(tmp_path) as process:
        assert process.wait(DEADLINE_S) == 0, (tmp_path / "output.txt").read_text()
    now = records(store)
    assert {key: now[key] for key in kept} == kept
    made = [episode.episode_id for episode in DeltaEpisodes(objects=open_objects(str(store))).summaries()]
    assert made == sorted(expected(str(store)))


def expected(store: str) -> list[str]:
    """Every episode that an undisturbed run makes, once."""
    workshop = Workshop(config=small_config(), store=store)
    plan = workshop.plan()
    live = workshop.records.read("iterations/0001/deploy")["live"]
    collected = dict.fromkeys(plan.tasks, plan.collect_episodes_per_task)
    evaluated = dict.fromkeys(plan.tasks, plan.evaluate_episodes_per_task)
    assessed = dict.fromkeys(plan.tasks, plan.final_episodes_per_task)
    asked = [
        (Source.DEMONSTRATION, 0, plan.demonstrations, None),
        (Source.EVALUATION, 0, evaluated, "policy-0000"),
        (Source.COLLECTION, 1, collected, "policy-0000"),
        (Source.EVALUATION, 1, evaluated, "policy-0000"),
        (Source.EVALUATION, 1, evaluated, "policy-0001"),
        (Source.FINAL, 1, assessed, live),
    ]
    return [
        request.episode_id
        for source, iteration, episodes_per_task, policy_id in asked
        for request in plan.requests(
            source, iteration=iteration, episodes_per_task=episodes_per_task, policy_id=policy_id
        )
    ]
