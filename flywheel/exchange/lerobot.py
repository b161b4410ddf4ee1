"""LeRobot datasets, codebase version v3.0, written and read with Arrow alone."""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from flywheel.core.episode import Episode
from flywheel.core.errors import ConfigError
from flywheel.exchange.formats import Dataset
from flywheel.exchange.found import Array, Found, is_nested
from flywheel.exchange.lerobot_layout import FACTS, INFO, OBSERVATION, OURS, TASKS, VERSION
from flywheel.exchange.lerobot_writing import Writer

UNREADABLE = ("video", "image", "string")
"""Kinds of features that no policy here sees; they are left out."""


def write(folder: Path, episodes: Iterable[Episode], dataset: Dataset) -> None:
    """One task's dataset: `meta/`, `data/`."""
    writer = Writer(folder=folder, instruction=dataset.instruction)
    for episode in episodes:
        writer.add(episode)
    writer.close()


def read(path: Path) -> Iterator[Found]:
    """A dataset's folder, or one with datasets below it. ConfigError: it is none, of another version, or damaged."""
    found = sorted(file.parent.parent for file in path.rglob(INFO.rpartition("/")[2]) if file.parent.name == "meta")
    if not found:
        raise ConfigError(f"{path}: no LeRobot dataset is here: no {INFO} in or under it")
    for folder in found:
        try:
            yield from _Reader(folder).episodes()
        except (pa.ArrowException, OSError, KeyError, ValueError) as failure:
            reason = str(failure).partition("\n")[0]
            raise ConfigError(f"{folder}: cannot be read: {type(failure).__name__}: {reason}") from failure


class _Reader:
    """One dataset. A file of frames is held at a time."""

    def __init__(self, folder: Path) -> None:
        """ConfigError: another version."""
        self._folder = folder
        self._info: dict[str, Any] = json.loads((folder / INFO).read_text(encoding="utf-8"))
        version = str(self._info.get("codebase_version"))
        if not version.startswith(VERSION.partition(".")[0]):
            raise ConfigError(f"{folder}: LeRobot {version}; only {VERSION} can be imported: convert it with LeRobot")
        self._ours: dict[str, Any] = self._info.get(OURS, {})
        features: dict[str, dict[str, Any]] = self._info["features"]
        self._features = {name: some for name, some in features.items() if some["dtype"] not in UNREADABLE}
        self._details = {row["episode_index"]: row for row in self._rows("meta/episodes")}
        tasks = pq.read_table(folder / TASKS)
        texts = next(name for name in tasks.schema.names if name != "task_index")
        self._tasks = dict(zip(tasks["task_index"].to_pylist(), tasks[texts].to_pylist(), strict=True))

    def episodes(self) -> Iterator[Found]:
        """In the order of the frames."""
        for file in sorted((self._folder / "data").rglob("*.parquet")):
            table = pq.read_table(file, partitioning=None)
            indices = table["episode_index"].to_pylist()
            columns = {name: _values(table[name], feature) for name, feature in self._features.items()}
            first = 0
            for episode, group in groupby(indices):
                end = first + sum(1 for _ in group)
                yield self._found(file, episode, {name: values[first:end] for name, values in columns.items()})
                first = end

    def _found(self, file: Path, episode: int, frames: Mapping[str, Array]) -> Found:
        details = {
            name.removeprefix(f"{OURS}/"): value
            for name, value in self._details.get(episode, {}).items()
            if name.startswith(f"{OURS}/")
        }
        success = frames.get("next.success") if details.get("scored", True) else None
        shapes: dict[str, list[int]] = self._ours.get("facts", {})
        said = ("behaviour_policy", "seed", "initial_state")
        return Found(
            origin=f"{file}: episode {episode}",
            observations={
                name.removeprefix(OBSERVATION): np.concatenate([values, self._last(name, values, details)])
                for name, values in frames.items()
                if name.startswith(OBSERVATION)
            },
            actions=frames["action"],
            rewards=frames.get("next.reward"),
            successes=success,
            terminated=bool(details.get("terminated", success is not None and bool(success[-1]))),
            facts={name: frames[f"{FACTS}{name}"].reshape(-1, *shape) for name, shape in shapes.items()},
            task=details.get("task", self._tasks.get(int(frames["task_index"][0]))),
            decision_s=self._ours.get("decision_s", 1 / self._info["fps"]),
            **{name: details.get(name) for name in said},
        )

    def _last(self, name: str, values: Array, details: Mapping[str, Any]) -> Array:
        """The observation after the last action. LeRobot has no place for it: the last frame's counts twice."""
        kept = details.get(f"last/{name.removeprefix(OBSERVATION)}")
        return values[-1:] if kept is None else np.asarray(kept, values.dtype).reshape(1, *values.shape[1:])

    def _rows(self, below: str) -> Iterator[dict[str, Any]]:
        for file in sorted((self._folder / below).rglob("*.parquet")):
            schema = pq.read_schema(file)
            names = [name for name in schema.names if not name.startswith("stats/")]
            yield from pq.read_table(file, columns=names, partitioning=None).to_pylist()


def _values(column: pa.ChunkedArray, feature: Mapping[str, Any]) -> Array:
    """[F] of one number per frame, or [F, ...] in the feature's shape."""
    joined, shape = column.combine_chunks(), tuple(feature["shape"])
    while is_nested(joined.type):
        joined = joined.flatten()
    values = np.asarray(joined.to_numpy(zero_copy_only=False))
    return values if shape in ((), (1,)) else values.reshape(-1, *shape)
