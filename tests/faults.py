"""Faults: the command as a process of its own on a real Ray, and the ways to kill what it is made of."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from flywheel.config import parse
from flywheel.core.episode import Source
from flywheel.core.iteration import Iteration, Stage, record_key
from flywheel.journey import final_key, history
from flywheel.stages.collect import order as order_of_collect
from flywheel.workshop import Workshop

DEADLINE_S = 400.0
POLL_INTERVAL_S = 0.02
CONFIG = "given.yaml"
OUTPUT = "output.txt"
REAPER = "reaper.py"

VICTIMS: Mapping[str, str] = {
    "collector": "ray::_Collector",
    "training worker": "ray::RayTrainWorker",
    "replica": "ray::ServeReplica",
    "supervisor": "ray::Supervisor",
}
"""What Ray calls the processes that may be killed alone."""


def write_config(folder: Path, settings: Mapping[str, Any]) -> None:
    (folder / CONFIG).write_text(yaml.safe_dump(dict(settings)))


@contextmanager
def running(
    folder: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """`flywheel run` in a process group of its own, which does not outlive the block."""
    command = [sys.executable, "-m", "flywheel.cli", "run", CONFIG, *arguments]
    with (folder / OUTPUT).open("ab") as output:
        process = subprocess.Popen(
            command, cwd=folder, stdout=output, stderr=output, start_new_session=True, env=environment
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_until(happened: Callable[[], bool], process: "subprocess.Popen[bytes]", *, said: Path) -> bool:
    """False: the process ended before it happened."""
    deadline = time.monotonic() + DEADLINE_S
    while not happened():
        if process.poll() is not None:
            return False
        assert time.monotonic() < deadline, said.read_text()
        time.sleep(POLL_INTERVAL_S)
    return True


def descendants(root: int) -> dict[int, str]:
    """Every process that the root's processes started and that still has them as its ancestors, with its title."""
    parents: dict[int, int] = {}
    titles: dict[int, str] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "stat").read_text().rpartition(")")[2].split()
            titles[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            parents[int(folder.name)] = int(status[1])
        except (OSError, IndexError):
            continue  # It ended meanwhile.
    found: dict[int, str] = {}
    generation = {root}
    while generation:
        generation = {child for child, parent in parents.items() if parent in generation} - found.keys()
        found |= {child: titles[child] for child in generation}
    return found


def victims(process: "subprocess.Popen[bytes]", kind: str) -> list[int]:
    """Process ids of the kind."""
    return sorted(child for child, title in descendants(process.pid).items() if title.startswith(VICTIMS[kind]))


def kill(process: "subprocess.Popen[bytes]", kind: str, *, choice: Callable[[list[int]], int] = min) -> int | None:
    """Kills one of the kind as soon as there is one, and returns its id. None: the command ended before."""
    found: list[int] = []

    def there_is_one() -> bool:
        found[:] = victims(process, kind)
        return bool(found)

    if not wait_until(there_is_one, process, said=Path(os.devnull)):
        return None
    chosen = choice(found)
    os.kill(chosen, signal.SIGKILL)
    return chosen


def kill_head(process: "subprocess.Popen[bytes]") -> None:
    """Ray's head with all its processes; the command itself and its reaper are not Ray's."""
    for child, title in descendants(process.pid).items():
        if REAPER not in title:
            try:
                os.kill(child, signal.SIGKILL)
            except ProcessLookupError:
                continue


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a finished run left."""

    missing: list[str]
    """Episodes that an undisturbed run makes and this one did not."""
    twice: list[str]
    errors: list[str]
    policies: dict[str, str]
    """Policy id -> digest of its weights."""


def inspect(settings: Mapping[str, Any], store: str, *, iterations: int) -> Finding:
    """StoreError, IterationError: the store is damaged, or the run is not finished."""
    workshop = Workshop(config=parse(dict(settings), origin="faults"), store=store)
    counts = Counter(episode.episode_id for episode in workshop.episodes.summaries())
    journey = [iteration for iteration in history(workshop.records) if not iteration.remaining()]
    assert [iteration.number for iteration in journey] == list(range(1 + iterations)), "an iteration is not finished"
    return Finding(
        missing=sorted(set(expected(workshop, journey)) - counts.keys()),
        twice=sorted(name for name, count in counts.items() if count > 1),
        errors=[episode.episode_id for episode in workshop.episodes.summaries() if episode.error is not None],
        policies={
            outcome["policy_id"]: outcome["digest"]
            for iteration in journey
            for outcome in [iteration.outcomes[Stage.TRAIN]]
        },
    )


def expected(workshop: Workshop, journey: list[Iteration]) -> list[str]:
    """Every episode that an undisturbed run of these iterations makes."""
    plan, last = workshop.plan(), journey[-1]
    live = workshop.records.read(record_key(last.number, "deploy"))["live"]
    assert workshop.records.read(final_key(last.number)) is not None, "the final assessment is missing"
    found: list[str] = []
    asked = [(Source.DEMONSTRATION, 0, plan.demonstrations, None)]
    for iteration in journey:
        judged = [iteration.outcomes[Stage.TRAIN]["policy_id"], iteration.live]
        evidence = iteration.outcomes[Stage.EVALUATE]["evidence"]
        evaluated = dict.fromkeys(plan.tasks, plan.evaluate_episodes_per_task)
        if evidence is not None:
            evaluated = {task: len(letters) for task, letters in evidence["pairs"].items()}
        asked += [(Source.EVALUATION, iteration.number, evaluated, one) for one in judged if one is not None]
        if iteration.number:
            found += [request.episode_id for request in order_of_collect(iteration, plan).requests]
    asked.append((Source.FINAL, last.number, dict.fromkeys(plan.tasks, plan.final_episodes_per_task), live))
    return found + [
        request.episode_id
        for source, number, episodes_per_task, policy_id in asked
        for request in plan.requests(source, iteration=number, episodes_per_task=episodes_per_task, policy_id=policy_id)
    ]
