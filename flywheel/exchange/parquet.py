"""Parquet and Arrow: the columns of the table `episodes`, so a round trip keeps every bit."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

from flywheel.core.episode import Episode
from flywheel.core.errors import ConfigError
from flywheel.exchange.formats import Dataset
from flywheel.exchange.found import Found
from flywheel.store.columns import Array, NamedArrays, arrays
from flywheel.store.episode_rows import SCHEMA, rows

EPISODES_PER_FILE = 4096
ROWS_AT_ONCE = 64
NEEDED = ("action_size", "actions", "observations")
OPTIONAL = (
    "task",
    "behaviour_policy",
    "seed",
    "initial_state",
    "decision_s",
    "scored",
    "terminated",
    "error",
    "rewards",
    "successes",
    "facts",
)


def write(folder: Path, episodes: Iterable[Episode], dataset: Dataset) -> None:
    """`episodes-00000.parquet` (or `.arrow`) and so on."""
    left = iter(episodes)
    number = 0
    while first := list(islice(left, ROWS_AT_ONCE)):
        path = folder / f"episodes-{number:05d}.{dataset.file_format}"
        with _writer(path, dataset.file_format) as writer:
            writer.write_table(rows(first))
            for _ in range(EPISODES_PER_FILE // ROWS_AT_ONCE - 1):
                if batch := list(islice(left, ROWS_AT_ONCE)):
                    writer.write_table(rows(batch))
        number += 1


def read(path: Path) -> Iterator[Found]:
    """A file, or all files of a folder, of either kind. ConfigError names what is missing or damaged."""
    for file in files(path, ("*.parquet", "*.arrow")):
        yield from _read_file(file)


def files(path: Path, patterns: Iterable[str]) -> list[Path]:
    """The path itself, or the files in and under it. ConfigError: there are none."""
    if not path.exists():
        raise ConfigError(f"{path}: no such file or folder")
    found = [path] if path.is_file() else sorted(file for pattern in patterns for file in path.rglob(pattern))
    if not found:
        raise ConfigError(f"{path}: holds none of {', '.join(patterns)}")
    return found


def _writer(path: Path, file_format: str) -> Any:
    if file_format == "arrow":
        return pa.ipc.new_file(path, SCHEMA)
    return pq.ParquetWriter(path, SCHEMA, compression="zstd", write_page_checksum=True)


def _read_file(file: Path) -> Iterator[Found]:
    row = 0
    try:
        for batch in _batches(file):
            table = _checked(pa.Table.from_batches([batch]), file)
            for found in _found(table, file, first_row=row):
                yield found
                row += 1
    except (pa.ArrowException, OSError) as failure:
        raise ConfigError(f"{file}: cannot be read: {str(failure).partition(chr(10))[0]}") from failure


def _batches(file: Path) -> Iterator[pa.RecordBatch]:
    if file.suffix == ".arrow":
        with pa.memory_map(str(file)) as source, pa.ipc.open_file(source) as reader:
            for index in range(reader.num_record_batches):
                yield reader.get_batch(index)
        return
    with pq.ParquetFile(file, page_checksum_verification=True) as reader:
        yield from reader.iter_batches(batch_size=ROWS_AT_ONCE)


def _checked(table: pa.Table, file: Path) -> pa.Table:
    """The known columns in the table's types. ConfigError: one is missing, or of another type."""
    missing = [name for name in NEEDED if name not in table.schema.names]
    if missing:
        raise ConfigError(f"{file}: no column {', '.join(missing)}; it has {', '.join(table.schema.names)}")
    columns = {}
    for name in (*NEEDED, *OPTIONAL):
        if name in table.schema.names:
            try:
                columns[name] = table[name].cast(SCHEMA.field(name).type)
            except pa.ArrowException as failure:
                raise ConfigError(f"{file}: column {name}: {str(failure).partition(chr(10))[0]}") from failure
    return pa.table(columns)


def _found(table: pa.Table, file: Path, *, first_row: int) -> Iterator[Found]:
    there = [name for name in OPTIONAL if name in table.schema.names and name not in ("rewards", "successes", "facts")]
    scalars = table.select([*there, "action_size"]).to_pylist()
    flat = {name: arrays(table[name]) for name in ("rewards", "successes") if name in table.schema.names}
    named = {name: NamedArrays(table[name]) for name in ("observations", "facts") if name in table.schema.names}
    for index, (scalar, actions) in enumerate(zip(scalars, arrays(table["actions"]), strict=True)):
        origin = f"{file}: row {first_row + index}"
        size = scalar.pop("action_size")
        if (size < 1 and scalar.get("error") is None) or len(actions) % max(size, 1):
            raise ConfigError(f"{origin}: actions: {len(actions)} numbers are no rows of action_size {size}")
        scored = scalar.pop("scored", "successes" in flat)
        yield Found(
            origin=origin,
            **{"terminated": False, **scalar},
            actions=actions.reshape(-1, max(size, 1)),
            rewards=flat["rewards"][index] if "rewards" in flat else None,
            successes=flat["successes"][index] if scored and "successes" in flat else None,
            observations=_row(named["observations"], index, origin),
            facts=_row(named["facts"], index, origin) if "facts" in named else {},
        )


def _row(named: NamedArrays, index: int, origin: str) -> dict[str, Array]:
    try:
        return named.row(index)
    except ValueError as failure:
        raise ConfigError(f"{origin}: values do not fit their shape: {failure}") from failure
