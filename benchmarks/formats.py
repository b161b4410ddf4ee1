"""Episodes written and randomly read: the store against Minari, and against plain pyarrow and numpy."""

import os
import tempfile
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import Any, Protocol

import numpy as np

from benchmarks import contenders, synthetic
from benchmarks.measuring import Meter
from benchmarks.writing import machine, publish, table
from flywheel.core.episode import Episode
from flywheel.store import episode_rows, episodes, layout
from flywheel.store.episodes import DeltaEpisodes
from flywheel.store.objects import open_objects
from flywheel.store.tables import Table

NUM_EPISODES = 512
"""More, and Minari takes minutes to write them in Arrow: it measures the whole folder after every episode."""
PER_CALL = (16, 256)
"""Random episodes that are asked for at once."""
EPISODES_PER_MEASUREMENT = 2048
NUM_BATCHES = 1000
ROUNDS = 3
OURS, LIMIT = "flywheel", "pyarrow + numpy"

Figures = dict[str, float]


class Side(Protocol):
    """One format."""

    def write(self, made: Sequence[Episode]) -> None: ...

    def read(self, numbers: Sequence[int]) -> int:
        """Whole episodes by their numbers; returns how many decisions they have."""
        ...

    def batch(self, number: int) -> int:
        """Random transitions; returns how many. The first one may prepare what the others need."""
        ...


def measure(*, num_episodes: int = NUM_EPISODES, rounds: int = ROUNDS) -> None:
    """Processor seconds of one process. Each round writes anew and reads other episodes.

    What counts are the medians of the rounds, of rates and of ratios each.
    """
    before = machine()
    made = _episodes(num_episodes)
    measured = [_round(made, number) for number in range(rounds)]
    figures = {
        name: {what: median(one[name][what] for one in measured) for what in some} for name, some in measured[0].items()
    }
    _publish(figures, measured, num_episodes=num_episodes, before=before)


def _episodes(count: int) -> list[Episode]:
    """In memory, and without facts, for which Minari has no place."""
    rows, _ = next(synthetic.Shape(num_episodes=count, episodes_per_file=count).files()).rows()
    with tempfile.TemporaryDirectory(prefix="flywheel-formats-") as folder:
        objects = open_objects(folder)
        written = Table(objects=objects, name=layout.EPISODES, schema=episode_rows.SCHEMA, ranged=episodes.RANGED)
        written.commit([written.write(rows)], transaction="all")
        return [replace(episode, facts={}) for episode in DeltaEpisodes(objects=objects).read()]


def _round(made: Sequence[Episode], number: int) -> dict[str, Figures]:
    with tempfile.TemporaryDirectory(prefix="flywheel-formats-") as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Minari asks for an author and a place of the code.
        os.environ["MINARI_DATASETS_PATH"] = f"{folder}/minari"
        sides: dict[str, Side] = {
            OURS: contenders.Flywheel(f"{folder}/flywheel"),
            "minari, hdf5": contenders.Minari("hdf5"),
            "minari, arrow": contenders.Minari("arrow"),
            LIMIT: contenders.Plain(f"{folder}/plain.parquet"),
        }
        order = sorted(sides, reverse=bool(number % 2))
        return _figures({name: sides[name] for name in order}, made, np.random.default_rng(number))


def _figures(sides: Mapping[str, Side], made: Sequence[Episode], rng: np.random.Generator) -> dict[str, Figures]:
    figures = {name: {"written": _written(side, made)} for name, side in sides.items()}
    for side in sides.values():
        side.read([0])
        side.batch(0)
    for size in PER_CALL:
        asked = [rng.choice(len(made), size, replace=False).tolist() for _ in range(EPISODES_PER_MEASUREMENT // size)]
        for name, rate in _rates({name: side.read for name, side in sides.items()}, asked).items():
            figures[name][f"random episodes, {size} a call"] = rate
    for name, rate in _rates({name: side.batch for name, side in sides.items()}, range(1, NUM_BATCHES + 1)).items():
        figures[name]["random transitions"] = rate
    return figures


def _written(side: Side, made: Sequence[Episode]) -> float:
    meter = Meter()
    side.write(made)
    return sum(episode.num_decisions for episode in made) / meter.cpu_s


def _rates(works: Mapping[str, Callable[[Any], int]], tasks: Iterable[Any]) -> Figures:
    """Steps per processor second. All do one task after the other by turns: what slows the machine slows all."""
    names = deque(works)
    steps, cpu_s = dict.fromkeys(works, 0), dict.fromkeys(works, 0.0)
    for task in tasks:
        for name in names:
            meter = Meter()
            steps[name] += works[name](task)
            cpu_s[name] += meter.cpu_s
        names.rotate()
    return {name: steps[name] / cpu_s[name] for name in works}


def _publish(
    figures: Mapping[str, Figures], rounds: Sequence[Any], *, num_episodes: int, before: Mapping[str, Any]
) -> None:
    ours = figures[OURS]
    ratios = {
        name: {what: median(one[OURS][what] / one[name][what] for one in rounds) for what in some}
        for name, some in figures.items()
    }
    names = [OURS, *(name for name in sorted(figures) if name != OURS)]
    header = ["steps per CPU second", *names, *(f"ratio to {name}" for name in names[1:])]
    rows = [
        [
            what,
            *(f"{figures[name][what]:,.0f}" for name in names),
            *(f"{ratios[name][what]:.2f}" for name in names[1:]),
        ]
        for what in ours
    ]
    publish(
        "formats",
        title=f"{num_episodes:,} episodes of about 50 steps",
        text=table(header, rows),
        result={"num_episodes": num_episodes, "figures": figures, "ratios": ratios, "rounds": rounds},
        before=before,
    )
