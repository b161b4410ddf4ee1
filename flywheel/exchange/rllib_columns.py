"""RLlib's columns: a row per decision in Parquet, as its offline data reads them and anybody can write them."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from flywheel.core.episode import Episode
from flywheel.core.errors import ConfigError
from flywheel.exchange.formats import Dataset
from flywheel.exchange.found import Array, Found, is_nested, rows
from flywheel.exchange.parquet import files

EPISODES_PER_FILE = 1024
OURS = b"flywheel"
"""Key of a file's metadata: what RLlib's columns have no place for, as JSON."""
FLAT = "obs"
"""Name of the observation of a file that does not say what its columns are."""


def write(folder: Path, episodes: Iterable[Episode], dataset: Dataset) -> None:
    """`episodes-00000.parquet` and so on. `obs` is all modalities side by side."""
    left = iter(episodes)
    number = 0
    while batch := list(islice(left, EPISODES_PER_FILE)):
        table = pa.concat_tables([_rows_of(episode) for episode in batch], promote_options="default")
        said = {"modalities": _widths(batch[0]), "episodes": {some.episode_id: _ours(some) for some in batch}}
        table = table.replace_schema_metadata({OURS: json.dumps(said)})
        pq.write_table(table, folder / f"episodes-{number:05d}.parquet", compression="zstd", write_page_checksum=True)
        number += 1


def read(path: Path) -> Iterator[Found]:
    """A file, or all Parquet files of a folder. ConfigError names the row that is wrong."""
    for file in files(path, ["*.parquet"]):
        try:
            table = pq.read_table(file, partitioning=None)
        except (pa.ArrowException, OSError) as failure:
            raise ConfigError(f"{file}: cannot be read: {str(failure).partition(chr(10))[0]}") from failure
        yield from _Reader.of(table, file).episodes()


def _rows_of(episode: Episode) -> pa.Table:
    length = episode.num_decisions
    last = np.arange(length) == length - 1
    flat = np.concatenate(list(episode.observations.values()), axis=1)
    return pa.table(
        {
            "eps_id": [episode.episode_id] * length,
            "t": pa.array(np.arange(length), pa.int64()),
            "obs": _vectors(flat[:-1]),
            "new_obs": _vectors(flat[1:]),
            "actions": _vectors(episode.actions),
            "rewards": pa.array(episode.rewards, pa.float32()),
            "terminateds": pa.array(last & episode.terminated),
            "truncateds": pa.array(last & episode.truncated),
            "infos": _infos(episode),
        }
    )


def _infos(episode: Episode) -> pa.Array:
    """RLlib carries infos along and learns nothing from them."""
    success = episode.successes if episode.scored else [None] * episode.num_decisions
    columns = {"success": pa.array(success, pa.bool_())}
    for name, values in episode.facts.items():
        columns[f"facts.{name}"] = _vectors(values.reshape(len(values), -1))
    return pa.StructArray.from_arrays(list(columns.values()), names=list(columns))


def _vectors(values: Array) -> pa.Array:
    width = values.shape[1]
    offsets = pa.array(np.arange(len(values) + 1) * width, pa.int32())
    return pa.ListArray.from_arrays(offsets, pa.array(np.ravel(values), pa.float32()))


def _widths(episode: Episode) -> dict[str, int]:
    return {name: values.shape[1] for name, values in episode.observations.items()}


def _ours(episode: Episode) -> dict[str, Any]:
    return {
        "task": episode.task,
        "behaviour_policy": episode.behaviour_policy,
        "seed": episode.seed,
        "initial_state": episode.initial_state,
        "decision_s": episode.decision_s,
        "scored": episode.scored,
        "facts": {name: values.shape[1:] for name, values in episode.facts.items()},
    }


@dataclass(frozen=True, kw_only=True)
class _Reader:
    """One file, its columns decoded."""

    file: Path
    names: list[str]
    """Episode of each row."""
    columns: Mapping[str, Array]
    infos: pa.Table | None
    modalities: Mapping[str, int]
    said: Mapping[str, Mapping[str, Any]]
    """Episode -> what only our own files say."""

    @classmethod
    def of(cls, table: pa.Table, file: Path) -> "_Reader":
        needed = ("eps_id", "obs", "actions", "rewards", "terminateds", "truncateds")
        missing = [name for name in needed if name not in table.schema.names]
        if missing:
            raise ConfigError(f"{file}: no column {', '.join(missing)}; it has {', '.join(table.schema.names)}")
        said = json.loads((table.schema.metadata or {}).get(OURS, b"{}"))
        has_infos = "infos" in table.schema.names and pa.types.is_struct(table.schema.field("infos").type)
        return cls(
            file=file,
            names=[str(name) for name in table["eps_id"].to_pylist()],
            columns={
                name: _matrix(table[name], file, name)
                for name in (*needed[1:], "new_obs")
                if name in table.schema.names
            },
            infos=pa.Table.from_struct_array(table["infos"]) if has_infos else None,
            modalities=said.get("modalities", {}),
            said=said.get("episodes", {}),
        )

    def episodes(self) -> Iterator[Found]:
        """In the file's order. ConfigError: an episode's rows are apart."""
        seen: set[str] = set()
        first = 0
        for name, group in groupby(self.names):
            if name in seen:
                raise ConfigError(f"{self.file}: row {first}: episode {name} began before: sort by eps_id and t")
            seen.add(name)
            end = first + sum(1 for _ in group)
            yield self._episode(name, first, end)
            first = end

    def _episode(self, name: str, first: int, end: int) -> Found:
        said = self.said.get(name, {})
        some = {column: values[first:end] for column, values in self.columns.items()}
        return Found(
            origin=f"{self.file}: rows {first} to {end - 1} (episode {name})",
            observations=self._observations(some, first),
            actions=some["actions"],
            rewards=some["rewards"],
            successes=self._successes(first, end),
            terminated=bool(some["terminateds"][-1]),
            facts={
                fact: self._info(f"facts.{fact}", first, end).reshape(-1, *shape)
                for fact, shape in said.get("facts", {}).items()
            },
            **{key: said.get(key) for key in ("task", "behaviour_policy", "seed", "initial_state", "decision_s")},
        )

    def _observations(self, some: Mapping[str, Array], first: int) -> dict[str, Array]:
        """ConfigError: a row does not begin where the one before ended. Without `new_obs` the last one is repeated."""
        before, after = rows(some["obs"]), rows(some.get("new_obs", some["obs"]))
        if "new_obs" in some:
            torn = np.flatnonzero((before[1:] != after[:-1]).any(axis=1))
            if len(torn):
                row = first + 1 + int(torn[0])
                raise ConfigError(f"{self.file}: row {row}: its obs is not the new_obs of the row before")
        flat = np.concatenate([before, after[-1:]])
        if not self.modalities:
            return {FLAT: flat}
        ends = np.cumsum(list(self.modalities.values()))
        return dict(zip(self.modalities, np.split(flat, ends[:-1], axis=1), strict=True))

    def _successes(self, first: int, end: int) -> Array | None:
        if self.infos is None or "success" not in self.infos.schema.names:
            return None
        values = self.infos["success"].slice(first, end - first)
        return None if values.null_count else values.to_numpy().astype(np.bool_)

    def _info(self, name: str, first: int, end: int) -> Array:
        assert self.infos is not None, "files with facts have infos"
        return _matrix(self.infos[name].slice(first, end - first), self.file, f"infos.{name}")


def _matrix(column: pa.ChunkedArray, file: Path, name: str) -> Array:
    """[rows] of numbers or [rows, width] of lists. ConfigError: neither, or lists of several lengths."""
    joined = column.combine_chunks()
    if joined.null_count:
        row = joined.is_null().to_pylist().index(True)
        raise ConfigError(f"{file}: row {row}: {name}: is empty")
    kind = joined.type
    if not is_nested(kind):
        return np.asarray(joined.to_numpy(zero_copy_only=False))
    flat = joined.flatten().to_numpy(zero_copy_only=False)
    lengths = joined.value_lengths().to_numpy(zero_copy_only=False)
    width = int(lengths[0]) if len(lengths) else 0
    odd = np.flatnonzero(lengths != width)
    if len(odd):
        raise ConfigError(f"{file}: row {odd[0]}: {name}: {lengths[odd[0]]} numbers, the first row has {width}")
    if flat.dtype.kind not in "fiub":
        raise ConfigError(f"{file}: {name}: lists of {kind.value_type}, numbers are needed")
    return np.asarray(flat).reshape(-1, width)
