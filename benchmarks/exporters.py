"""What exporters cost: live metrics in the loop of updates, and a scrape of a store with a long history."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median
from time import process_time
from typing import Any

import torch

from benchmarks import material, scale, synthetic
from benchmarks.writing import machine, publish, table
from flywheel.core.control import Control
from flywheel.core.entry import Action, Draft, Entry
from flywheel.core.iteration import Stage
from flywheel.metrics.live import LEARNED, LiveMetrics
from flywheel.metrics.state import StateMetrics
from flywheel.ports import CollectorCounts
from flywheel.store.episodes import DeltaEpisodes
from flywheel.store.labels import DeltaLabels
from flywheel.store.objects import open_objects
from flywheel.store.records import JsonRecords
from flywheel.workers.training import UPDATES_PER_REPORT

NUM_ITERATIONS = 10_000
NUM_EPISODES = 100_000
NUM_UPDATES = 200
ROUNDS = 9


def measure() -> None:
    """Seconds are those of the processor."""
    before = machine()
    result = {"live": live_cost(), "state": scrape_cost()}
    rows = [[what, name, f"{value:.4g}"] for what, figures in result.items() for name, value in figures.items()]
    publish(
        "exporters",
        title="What exporters cost",
        text=table(["of", "what", "figure"], rows),
        result=result,
        before=before,
    )


def live_cost() -> dict[str, float]:
    """What a report costs that LiveMetrics hears of, as a share of the updates between two of them.

    The demo's network and learner. In the service the two are in different processes: then it costs nothing.
    """
    torch.set_num_threads(1)
    live = LiveMetrics(collectors=CollectorCounts, spool_bytes=1)
    live.stage_started(0, Stage.TRAIN)
    figures = dict.fromkeys(LEARNED, 1.0) | {"update_s": 0.01, "data_wait_s": 0.001}
    report_s = _each(lambda number: live.progress(number, 10**9, **figures))
    scrape_s = _each(lambda number: live.text(), count=100)
    with tempfile.TemporaryDirectory(prefix="flywheel-bench-") as store:
        made = material.prepare(store, demonstrations_per_task=2, num_updates=1)
        began = process_time()
        made.ports.trainer.train(made.training("policy-0001", num_updates=NUM_UPDATES), live)
        update_s = (process_time() - began) / NUM_UPDATES
    return {
        "update, ms": 1e3 * update_s,
        "report, ms": 1e3 * report_s,
        "share of an update": report_s / (UPDATES_PER_REPORT * update_s),
        "scrape, ms": 1e3 * scrape_s,
    }


def scrape_cost() -> dict[str, float]:
    """Of the store's metrics after many iterations: when a process starts, when one more stage was completed, and when
    nothing is new. Tables and records are in a folder, the chronicle's entries in memory."""
    entries = list(_entries(NUM_ITERATIONS))
    told = _Told(Control().after(entries[:-1]))
    with tempfile.TemporaryDirectory(prefix="flywheel-bench-") as store:
        scale.generate(store, synthetic.Shape(num_episodes=NUM_EPISODES, episodes_per_file=scale.COLLECTED))
        objects = open_objects(store)
        metrics = StateMetrics(
            chronicle=told,
            records=JsonRecords(objects=objects),
            episodes=DeltaEpisodes(objects=objects),
            labels=DeltaLabels(objects=objects),
            gate_attempts=5,
            patience_s=600.0,
        )
        first_s = _each(lambda _: metrics.text(supervisor_up=True), count=1)
        told.newest = told.newest.after(entries[-1:])
        next_s = _each(lambda _: metrics.text(supervisor_up=True), count=1)
        again_s = median(_each(lambda _: metrics.text(supervisor_up=True), count=3) for _ in range(ROUNDS))
    return {
        "iterations": NUM_ITERATIONS,
        "entries": len(entries),
        "files of episodes": NUM_EPISODES // scale.COLLECTED,
        "first scrape, ms": 1e3 * first_s,
        "after another stage, ms": 1e3 * next_s,
        "with nothing new, ms": 1e3 * again_s,
    }


@dataclass
class _Told:
    """`ports.Chronicle`, as far as it is read."""

    newest: Control

    def control(self) -> Control:
        return self.newest

    def append(self, decide: Any, *, claim: Any = None) -> None:
        raise NotImplementedError


def _entries(num_iterations: int) -> Iterator[Entry]:
    """Iterations that went to their end, every fourth promoted."""
    drafts = (draft for number in range(num_iterations) for draft in _iteration(number))
    for place, draft in enumerate(drafts):
        yield Entry.at_place(draft, number=place, at="2026-01-05T09:30:00.000Z")


def _iteration(number: int) -> Iterator[Draft]:
    about: Any = {"subject": f"iterations/{number}", "by": "supervisor"}
    asked: Any = {"overrides": {}, "campaign": None, "retry_of": None, "occasion": None}
    yield Draft(action=Action.ITERATION_REQUESTED, details=asked, **about)
    yield Draft(action=Action.ITERATION_STARTED, details={"owner": "here"}, **about)
    counts = {task: {"success": 40, "failure": 9, "error": 1, "unscored": 0} for task in synthetic.TASKS}
    policy, promoted = f"policy-{number:04d}", number % 4 == 0
    judged = {"policy_id": policy, "decision": "promote" if promoted else "reject", "episodes": counts}
    for stage in (Stage.PLAN, Stage.COLLECT, Stage.RELABEL, Stage.TRAIN, Stage.EVALUATE, Stage.DEPLOY):
        summary = judged if stage is Stage.EVALUATE else {"episodes": counts} if stage is Stage.COLLECT else {}
        yield Draft(action=Action.STAGE_COMPLETED, details={"stage": str(stage), "wall_s": 10.0, **summary}, **about)
        if stage is Stage.EVALUATE and promoted:
            live: Any = {"subject": f"policies/{policy}", "by": "gate", "reason": "better"}
            yield Draft(action=Action.POLICY_PROMOTED, details={"iteration": number}, **live)
    state = "succeeded" if promoted else "rejected"
    yield Draft(action=Action.ITERATION_FINISHED, details={"state": state}, **about)


def _each(call: Callable[[int], object], *, count: int = 20_000) -> float:
    """Seconds of one call, all threads of this process included."""
    began = process_time()
    for number in range(1, count + 1):
        call(number)
    return (process_time() - began) / count
