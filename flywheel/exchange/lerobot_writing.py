"""Writing a LeRobot dataset: frames and episodes go to disk as they come; the information is written last."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from flywheel.core.episode import Episode
from flywheel.exchange.found import Array
from flywheel.exchange.lerobot_layout import (
    DATA,
    DATA_FILE_MB,
    EPISODES,
    FACTS,
    FILES_PER_CHUNK,
    INFO,
    OBSERVATION,
    OURS,
    STATS,
    TASKS,
    VERSION,
    VIDEO_FILE_MB,
)
from flywheel.exchange.lerobot_statistics import Gathered, statistics_of


class Writer:
    """One dataset of one task. All episodes have the first one's observations, actions and facts."""

    def __init__(self, *, folder: Path, instruction: str, file_bytes: int = DATA_FILE_MB * 2**20) -> None:
        """Into an empty folder. A file of frames has about `file_bytes` in memory at most."""
        self._folder, self._instruction, self._file_bytes = folder, instruction, file_bytes
        self._num_episodes, self._num_frames, self._num_files = 0, 0, 0
        self._fps = 1
        self._ours: dict[str, Any] = {}
        self._features: dict[str, Any] = {}
        self._frames: list[pa.Table] = []
        self._details: list[dict[str, Any]] = []
        self._statistics: dict[str, Gathered] = {}

    def add(self, episode: Episode) -> None:
        """T frames: what was seen, what was done, what came of it."""
        if not self._num_episodes:
            self._describe(episode)
        columns = self._columns(episode)
        self._frames.append(pa.table({name: _column(values) for name, values in columns.items()}))
        statistics = {name: statistics_of(values) for name, values in columns.items()}
        for name, some in statistics.items():
            self._statistics.setdefault(name, Gathered()).add(some)
        self._details.append(self._detail(episode) | _flat(statistics))
        self._num_episodes += 1
        self._num_frames += episode.num_decisions
        if sum(table.nbytes for table in self._frames) >= self._file_bytes:
            self._flush()

    def close(self) -> None:
        """Without it there is no dataset."""
        if self._frames:
            self._flush()
        _write_json(self._folder / STATS, {name: some.total() for name, some in self._statistics.items()})
        tasks = pa.table({"task_index": pa.array([0], pa.int64()), "__index_level_0__": [self._instruction]})
        pq.write_table(tasks.replace_schema_metadata({"pandas": json.dumps(PANDAS)}), self._folder / TASKS)
        _write_json(self._folder / INFO, self._info())

    def _describe(self, episode: Episode) -> None:
        self._fps = max(1, round(1 / episode.decision_s)) if episode.decision_s else 1
        facts = {name: values.shape[1:] for name, values in episode.facts.items()}
        self._ours = {"decision_s": episode.decision_s, "facts": facts}
        self._features = {
            name: {"dtype": str(values.dtype), "shape": list(values.shape[1:]) or [1], "names": None}
            for name, values in self._columns(episode).items()
        }

    def _columns(self, episode: Episode) -> dict[str, Array]:
        length = episode.num_decisions
        place = np.arange(length)
        facts = {f"{FACTS}{name}": values.reshape(length, -1) for name, values in episode.facts.items()}
        vectors = {
            **{f"{OBSERVATION}{name}": values[:-1] for name, values in episode.observations.items()},
            "action": episode.actions,
            **facts,
        }
        return {
            # LeRobot keeps vectors of one number as numbers.
            **{name: values[:, 0] if values.shape[1] == 1 else values for name, values in vectors.items()},
            "next.reward": episode.rewards,
            "next.done": place == length - 1,
            "next.success": episode.successes,
            "timestamp": (place / self._fps).astype(np.float32),
            "frame_index": place,
            "episode_index": np.full(length, self._num_episodes),
            "index": self._num_frames + place,
            "task_index": np.zeros(length, np.int64),
        }

    def _detail(self, episode: Episode) -> dict[str, Any]:
        chunk, file = divmod(self._num_files, FILES_PER_CHUNK)
        ours = {
            "task": episode.task,
            "behaviour_policy": episode.behaviour_policy,
            "seed": episode.seed,
            "initial_state": episode.initial_state,
            "scored": episode.scored,
            "terminated": episode.terminated,
            **{f"last/{name}": values[-1] for name, values in episode.observations.items()},
        }
        return {
            "episode_index": self._num_episodes,
            "tasks": [self._instruction],
            "length": episode.num_decisions,
            "data/chunk_index": chunk,
            "data/file_index": file,
            "dataset_from_index": self._num_frames,
            "dataset_to_index": self._num_frames + episode.num_decisions,
            "meta/episodes/chunk_index": chunk,
            "meta/episodes/file_index": file,
            **{f"{OURS}/{name}": value for name, value in ours.items()},
        }

    def _flush(self) -> None:
        """One file of frames, and one that says which episodes are in it."""
        chunk, file = divmod(self._num_files, FILES_PER_CHUNK)
        for pattern, table in ((DATA, pa.concat_tables(self._frames)), (EPISODES, _table(self._details))):
            path = self._folder / pattern.format(chunk_index=chunk, file_index=file)
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(table, path, compression="snappy", write_page_checksum=True)
        self._num_files += 1
        self._frames, self._details = [], []

    def _info(self) -> dict[str, Any]:
        return {
            "codebase_version": VERSION,
            "robot_type": None,
            "total_episodes": self._num_episodes,
            "total_frames": self._num_frames,
            "total_tasks": 1,
            "chunks_size": FILES_PER_CHUNK,
            "data_files_size_in_mb": DATA_FILE_MB,
            "video_files_size_in_mb": VIDEO_FILE_MB,
            "fps": self._fps,
            "splits": {"train": f"0:{self._num_episodes}"},
            "data_path": DATA,
            "video_path": None,
            "features": self._features,
            OURS: self._ours,
        }


PANDAS = {
    "index_columns": ["__index_level_0__"],
    "column_indexes": [],
    "columns": [
        {
            "name": "task_index",
            "field_name": "task_index",
            "pandas_type": "int64",
            "numpy_type": "int64",
            "metadata": None,
        },
        {
            "name": None,
            "field_name": "__index_level_0__",
            "pandas_type": "unicode",
            "numpy_type": "object",
            "metadata": None,
        },
    ],
    "pandas_version": "2.0.0",
}
"""LeRobot looks tasks up by a pandas index, which Parquet keeps only with this."""


def _column(values: Array) -> pa.Array:
    if values.ndim == 1:
        return pa.array(values)
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ravel(values)), values.shape[1])


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist([{name: _plain(value) for name, value in row.items()} for row in rows])


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value


def _flat(statistics: dict[str, dict[str, Array]]) -> dict[str, Array]:
    return {f"stats/{name}/{kind}": value for name, some in statistics.items() for kind, value in some.items()}


def _write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=4, ensure_ascii=False), encoding="utf-8")
