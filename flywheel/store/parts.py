"""Parts: the Parquet files of a table, read by their keys; which of them count is the table's log to say."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from flywheel.core.errors import NotFoundError, StoreError
from flywheel.core.mixture import Indices
from flywheel.store.cache import Cache
from flywheel.store.objects import Objects

MAX_KEPT_BYTES = 8 * 2**20
"""Of footers, and as much of ids, that a table keeps of the files that it read."""
FOOTER_FACTOR = 10
"""What a footer takes in memory, against its size in the file; measured."""
GROUPS_PER_READ = 32
"""Few enough that what Arrow takes beside the values is small; measured."""


@dataclass(frozen=True, kw_only=True)
class _Footer:
    """What a file says of itself."""

    metadata: pq.FileMetaData
    starts: Indices
    """Where its row groups start; the last entry is where it ends."""


class Parts:
    """What was read of a file's footer and ids is kept for the next reader."""

    def __init__(self, *, objects: Objects, name: str, schema: pa.Schema) -> None:
        """`name` of the table, for whoever reads of an error."""
        self._objects, self._name, self._schema = objects, name, schema
        self._footers: Cache[_Footer] = Cache(max_bytes=MAX_KEPT_BYTES)
        self._ids: Cache[tuple[pa.Array, Indices]] = Cache(max_bytes=MAX_KEPT_BYTES)

    def rows(self, key: str, *, columns: Sequence[str]) -> pa.Table:
        """All rows of a file. StoreError names it where it is missing or damaged."""
        with self._parquet(key) as file:
            return _read(file, range(file.metadata.num_row_groups), columns)

    def group(self, key: str, index: int, *, columns: Sequence[str]) -> pa.Table:
        """The rows of one row group of a file. StoreError: also where it has no such row group any more."""
        with self._parquet(key) as file:
            if index >= file.metadata.num_row_groups:
                raise StoreError(f"{key}: damaged: it has {file.metadata.num_row_groups} row groups, no number {index}")
            # One thread: so few rows are read sooner than shared out.
            return file.read_row_group(index, columns=list(columns), use_threads=False)

    def ids(self, key: str) -> tuple[pa.Array, Indices]:
        """The first column of a file, and its row groups' `starts`. One that is kept is not compared with its file."""
        return self._ids.get(key, partial(self._read_ids, key))

    def starts(self, key: str) -> Indices:
        """Where the row groups of a file start; the last entry is where it ends."""
        with self._source(key) as (_, footer):
            return footer.starts

    def ranges(self, key: str, *, columns: Sequence[str]) -> list[Mapping[str, tuple[Any, Any]]]:
        """Of each row group of a file, the least and the greatest value of the columns; one not known is left out."""
        places = {column: self._schema.get_field_index(column) for column in columns}
        with self._source(key) as (_, footer):
            groups = (footer.metadata.row_group(index) for index in range(footer.metadata.num_row_groups))
            return [
                {
                    column: (known.min, known.max)
                    for column, place in places.items()
                    if (known := group.column(place).statistics) is not None and known.has_min_max
                }
                for group in groups
            ]

    def between(self, key: str, low: str, high: str, *, columns: Sequence[str]) -> pa.Table:
        """The rows of the row groups of a file whose first column may hold values from low to high."""
        with self._parquet(key) as file:
            ranges = (
                file.metadata.row_group(index).column(0).statistics for index in range(file.metadata.num_row_groups)
            )
            chosen = [
                index
                for index, known in enumerate(ranges)
                if known is None or not known.has_min_max or (known.min <= high and known.max >= low)
            ]
            return _read(file, chosen, columns)

    @contextmanager
    def _parquet(self, key: str) -> Iterator[pq.ParquetFile]:
        with self._source(key) as (source, footer), _file(source, footer) as file:
            yield file

    @contextmanager
    def _source(self, key: str) -> Iterator[tuple[pa.NativeFile, "_Footer"]]:
        try:
            with self._objects.open(key) as source:
                # A file never changes under its name; one of another size was damaged since.
                yield source, self._footers.get((key, source.size()), partial(self._footer, key, source))
        except NotFoundError as failure:
            raise StoreError(f"{key}: missing: the table {self._name} needs it") from failure
        except (pa.ArrowException, OSError, UnicodeDecodeError) as failure:
            raise StoreError(f"{key}: damaged: {_first_line(failure)}") from failure

    def _footer(self, key: str, source: pa.NativeFile) -> tuple["_Footer", int]:
        # `metadata.schema` would make a cycle: such footers, a megabyte each, would wait for Python's collector.
        with pq.ParquetFile(source) as file:
            metadata, schema = file.metadata, file.schema_arrow
        if not schema.equals(self._schema):
            raise StoreError(f"{key}: damaged: its columns are not those of the table {self._name}")
        sizes = [metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)]
        starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        return _Footer(metadata=metadata, starts=starts), FOOTER_FACTOR * metadata.serialized_size

    def _read_ids(self, key: str) -> tuple[tuple[pa.Array, Indices], int]:
        with self._source(key) as (source, footer), _file(source, footer) as file:
            ids = file.read(columns=[self._schema.names[0]])[0].combine_chunks()
        return (ids, footer.starts), ids.nbytes + footer.starts.nbytes


def _file(source: pa.NativeFile, footer: _Footer) -> pq.ParquetFile:
    return pq.ParquetFile(source, metadata=footer.metadata, pre_buffer=True, page_checksum_verification=True)


def _read(file: pq.ParquetFile, groups: Sequence[int], columns: Sequence[str]) -> pa.Table:
    """Some row groups after the other: Arrow takes many times the memory of few values to read all at once."""
    starts = range(0, max(1, len(groups)), GROUPS_PER_READ)
    return pa.concat_tables(
        file.read_row_groups(groups[start : start + GROUPS_PER_READ], columns=list(columns), use_threads=False)
        for start in starts
    )


def _first_line(failure: Exception) -> str:
    return str(failure).partition("\n")[0]
