"""Many episodes: opening a version, counting, and drawing batches within a bound on memory."""

import gc
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks import synthetic
from benchmarks.measuring import Meter, alone, forget_peak, memory_bytes, peak_memory_bytes
from benchmarks.writing import machine, publish, table
from flywheel.store import episode_rows, episodes, labels, layout
from flywheel.store.catalogue import DeltaCatalogue
from flywheel.store.episodes import DeltaEpisodes
from flywheel.store.labels import DeltaLabels
from flywheel.store.objects import Objects, open_objects
from flywheel.store.tables import Table
from flywheel.workers.streaming import StreamingSampler

NUM_EPISODES = 100_000
COLLECTED = 64
"""Episodes per file as collectors write them."""
COMPACTED = 4096
"""Episodes per file after compaction."""
FILES_PER_COMMIT = 64
MEMORY_MIB = (64, 256)
BATCH_SIZE = 128
NUM_BATCHES = 2000
ITERATION = 12


@dataclass(frozen=True, kw_only=True)
class Made:
    """A generated store."""

    store: str
    episodes_version: int
    labels_version: int
    num_steps: int
    num_bytes: int
    cpu_s: float


def measure(*, num_episodes: int = NUM_EPISODES, memory_mib: tuple[int, ...] = MEMORY_MIB) -> None:
    """Processor seconds, each figure from a process of its own, so that nothing was read before."""
    before = machine()
    result: dict[str, Any] = {"num_episodes": num_episodes, "layouts": {}, "streams": []}
    with tempfile.TemporaryDirectory(prefix="flywheel-scale-") as folder:
        for name, size in (("collected", COLLECTED), ("compacted", COMPACTED)):
            made = generate(f"{folder}/{name}", synthetic.Shape(num_episodes=num_episodes, episodes_per_file=size))
            result["layouts"][name] = {
                "episodes_per_file": size,
                "steps": made.num_steps,
                "bytes": made.num_bytes,
                "generate_cpu_s": made.cpu_s,
                "open": alone(_open, store=made.store, version=made.episodes_version),
                "count": alone(_count, store=made.store, version=made.episodes_version),
            }
        for mib in memory_mib:
            result["streams"].append(alone(_stream, made=made, memory=mib * 2**20))
    _publish(result, before)


def generate(store: str, shape: synthetic.Shape) -> Made:
    """Writes the episodes and their labels, several files per commit."""
    objects, meter = open_objects(store), Meter()
    tables = [
        Table(objects=objects, name=layout.EPISODES, schema=episode_rows.SCHEMA, ranged=episodes.RANGED),
        Table(objects=objects, name=layout.LABELS, schema=labels.SCHEMA, ranged=labels.RANGED),
    ]
    waiting: list[tuple[Any, Any]] = []
    versions, steps = [0, 0], 0
    files = list(shape.files())
    for number, made in enumerate(files):
        rows = made.rows()
        steps += int(sum(rows[0]["num_decisions"].to_pylist()))
        waiting.append((tables[0].write(rows[0]), tables[1].write(rows[1])))
        if len(waiting) == FILES_PER_COMMIT or number + 1 == len(files):
            parts = zip(*waiting, strict=True)
            versions = [one.commit(some, transaction=str(number)) for one, some in zip(tables, parts, strict=True)]
            waiting = []
    return Made(
        store=store,
        episodes_version=versions[0],
        labels_version=versions[1],
        num_steps=steps,
        num_bytes=_num_bytes(objects, store),
        cpu_s=meter.cpu_s,
    )


def _num_bytes(objects: Objects, store: str) -> int:
    return sum(Path(store, key).stat().st_size for key in objects.keys(""))


def _open(store: str, version: int) -> Mapping[str, Any]:
    """Which files the version holds, and how much data that is."""
    _warm_up()
    table, began = DeltaEpisodes(objects=open_objects(store)), perf_counter()
    meter = Meter()
    files = table.files(version=version)
    return {
        "cpu_s": meter.cpu_s,
        "wall_s": perf_counter() - began,
        "read_bytes": meter.read_bytes,
        "files": len(files),
        "rows": sum(file.num_rows or 0 for file in files),
    }


def _count(store: str, version: int) -> Mapping[str, Any]:
    """Success by task and policy version, from a table that nobody opened before."""
    _warm_up()
    table, meter = DeltaEpisodes(objects=open_objects(store)), Meter()
    counts = table.counts(version=version)
    return {
        "cpu_s": meter.cpu_s,
        "read_bytes": meter.read_bytes,
        "groups": len(counts),
        "episodes": sum(sum(outcomes.values()) for outcomes in counts.values()),
    }


def _stream(made: Made, memory: int) -> Mapping[str, Any]:
    """Batches as training draws them, with what each of these costs: the census, the first window, going on."""
    _warm_up(stream=True)
    gc.collect()
    forget_peak()
    resting = memory_bytes()
    meter = Meter()
    sampler = _sampler(made, memory)
    census_s = meter.cpu_s
    sampler.batch(0)
    first_s = meter.cpu_s - census_s
    going = Meter()
    for number in range(1, NUM_BATCHES + 1):
        sampler.batch(number)
    return {
        "memory_bytes": memory,
        "peak_bytes": peak_memory_bytes() - resting,
        "window_bytes": sampler.window_bytes,
        "window_blocks": sampler.num_slots,
        "batches_per_refresh": sampler.refresh_every,
        "census_cpu_s": census_s,
        "first_window_cpu_s": first_s,
        "batches_per_s": NUM_BATCHES / going.cpu_s,
        "share_read": meter.read_bytes / made.num_bytes,
        "shares": sampler.shares["source"],
    }


def _sampler(made: Made, memory: int) -> StreamingSampler:
    objects = open_objects(made.store)
    return StreamingSampler(
        catalogue=DeltaCatalogue(episodes=DeltaEpisodes(objects=objects), labels=DeltaLabels(objects=objects)),
        episodes_version=made.episodes_version,
        labels_version=made.labels_version,
        contract=synthetic.contract(),
        discount=0.97,
        num_steps=3,
        mixture=synthetic.MIXTURE,
        iteration=ITERATION,
        seed=0,
        batch_size=BATCH_SIZE,
        memory_bytes=memory,
    )


def _warm_up(*, stream: bool = False) -> None:
    """On a few episodes: libraries are loaded and take memory once, however much data there is."""
    with tempfile.TemporaryDirectory(prefix="flywheel-scale-") as store:
        few = generate(store, synthetic.Shape(num_episodes=2048 if stream else 64, episodes_per_file=COLLECTED))
        DeltaEpisodes(objects=open_objects(store)).counts(version=few.episodes_version)
        if stream:
            sampler = _sampler(few, 32 * 2**20)
            for number in range(0, 1000, 50):
                sampler.batch(number)


def _publish(result: dict[str, Any], before: dict[str, Any]) -> None:
    rows: list[list[object]] = []
    for name, one in result["layouts"].items():
        opened, counted = one["open"], one["count"]
        label = f"{name}, {one['episodes_per_file']} episodes a file"
        rows += [
            [f"{label}: data", f"{one['steps']:,} steps, {one['bytes'] / 2**20:,.0f} MiB, {opened['files']} files"],
            [f"{label}: open a version, CPU s", f"{opened['cpu_s']:.2f}"],
            [
                f"{label}: count success by task and version, CPU s (of the bytes read)",
                f"{counted['cpu_s']:.2f} ({counted['read_bytes'] / one['bytes']:.1%})",
            ],
        ]
    for one in result["streams"]:
        label = f"streaming within {one['memory_bytes'] // 2**20} MiB"
        rows += [
            [f"{label}: peak memory", f"{one['peak_bytes'] / 2**20:.0f} MiB ({one['window_blocks']} blocks)"],
            [
                f"{label}: census, first window, CPU s",
                f"{one['census_cpu_s']:.2f}, {one['first_window_cpu_s']:.2f}",
            ],
            [f"{label}: batches of {BATCH_SIZE} per CPU s", f"{one['batches_per_s']:,.0f}"],
        ]
    publish(
        "scale",
        title=f"{result['num_episodes']:,} episodes",
        text=table(["what", "figure"], rows),
        result=result,
        before=before,
    )
