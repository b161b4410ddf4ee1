"""A Delta table of rows that are appended in transactions and never change."""

import json
import random
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction

from flywheel.core.errors import NotFoundError, StoreError
from flywheel.core.mixture import Indices
from flywheel.ports import Part
from flywheel.store import layout
from flywheel.store.kept import Kept
from flywheel.store.objects import Objects

ROW_GROUP_ROWS = 64
"""Rows that are read together: what a reader of single rows must hold at least."""
COMMIT_ATTEMPTS = 200
"""Each lost attempt means that another process committed."""
MAX_PAUSE_S = 0.05
"""Between two attempts to commit."""

COMPRESSION = "snappy"
"""Measured noise hardly compresses: zstd saves a tenth of the bytes and reads three to four times slower."""
MAX_KEPT_BYTES = 8 * 2**20
"""Of footers, and as much of ids, that a table keeps of the files that it read."""
FILE_ENTRY_BYTES = 500
"""About what a table's entry of one file takes in memory."""

CONFIGURATION = {
    # Old versions stay readable for ever: iterations name the versions that they trained on.
    "delta.enableExpiredLogCleanup": "false",
    # Opening a table reads the log since its last checkpoint.
    "delta.checkpointInterval": "20",
}


@dataclass(frozen=True, kw_only=True)
class DataFile:
    """A committed file. Ranges of columns are None where the table does not know them."""

    key: str
    num_bytes: int
    num_rows: int | None
    least: dict[str, Any]
    """Column -> its smallest value."""
    greatest: dict[str, Any]

    def may_hold(self, column: str, values: Sequence[Any]) -> bool:
        """Whether a row may have one of the values, which are sorted."""
        low, high = self.least.get(column), self.greatest.get(column)
        if low is None or high is None:
            return True
        first = bisect_left(values, low)
        return first < len(values) and bool(values[first] <= high)

    def overlaps(self, column: str, low: Any, high: Any) -> bool:
        """Whether a row may have a value from low to high."""
        least, greatest = self.least.get(column), self.greatest.get(column)
        return least is None or greatest is None or bool(least <= high and greatest >= low)


@dataclass(frozen=True, kw_only=True)
class _Footer:
    """What a file says of itself."""

    metadata: pq.FileMetaData
    starts: Indices
    """Where its row groups start; the last entry is where it ends."""


class Table:
    """Parquet files beside the log of a Delta table. Created by its first commit; before that it is empty."""

    def __init__(self, *, objects: Objects, name: str, schema: pa.Schema, ranged: Sequence[str]) -> None:
        """`ranged` columns are scalars whose range is kept for each file, so that readers can skip files."""
        self._objects, self._name, self._schema, self._ranged = objects, name, schema, tuple(ranged)
        self._footers: Kept[_Footer] = Kept(max_bytes=MAX_KEPT_BYTES)
        self._ids: Kept[pa.Array] = Kept(max_bytes=MAX_KEPT_BYTES)
        self._files: Kept[list[DataFile]] = Kept(max_bytes=MAX_KEPT_BYTES)

    def write(self, rows: pa.Table) -> Part:
        """One file, invisible until committed. The same rows give the same file."""
        buffer = pa.BufferOutputStream()
        pq.write_table(
            rows,
            buffer,
            row_group_size=ROW_GROUP_ROWS,
            compression=COMPRESSION,
            use_dictionary=[field.name for field in self._schema if pa.types.is_string(field.type)],
            write_page_checksum=True,
        )
        data = buffer.getvalue().to_pybytes()
        path = f"part-{sha256(data).hexdigest()}.parquet"
        self._objects.put(layout.part(self._name, path), data)
        return Part(path=path, num_bytes=len(data), num_rows=rows.num_rows)

    def commit(self, parts: Sequence[Part], *, transaction: str) -> int:
        """Makes the parts visible, all or none, and returns the version that did. A transaction commits once.

        StoreError: a part is missing or is not what was written; nothing was committed.
        """
        done = self.committed(transaction)
        if done is not None:
            return done
        actions: list[AddAction | RemoveAction] = [
            self._action(part) for part in {part.path: part for part in parts}.values()
        ]
        for _ in range(COMMIT_ATTEMPTS):
            table = self._opened(None) or self._created()
            done = table.transaction_version(transaction)
            if done is not None:
                return done
            version = table.version() + 1
            # No retries inside: Delta Lake must not move the commit to a version other than the one it records.
            properties = CommitProperties(max_commit_retries=0, app_transactions=[Transaction(transaction, version)])
            try:
                table.create_write_transaction(actions, "append", self._schema, commit_properties=properties)
                return version
            except CommitFailedError:
                time.sleep(random.uniform(0, MAX_PAUSE_S))
            except (DeltaError, OSError) as failure:
                raise StoreError(
                    f"table {self._name}: cannot commit {transaction}: {_first_line(failure)}"
                ) from failure
        raise StoreError(f"table {self._name}: {COMMIT_ATTEMPTS} other commits came before {transaction}; try again")

    def committed(self, transaction: str) -> int | None:
        """The version that committed the transaction."""
        table = self._opened(None)
        return None if table is None else table.transaction_version(transaction)

    def files(self, version: int | None) -> list[DataFile]:
        """Of the version, or of the newest. NotFoundError: no such version."""
        return self._listed(None)[0] if version is None else self._files.get(version, partial(self._listed, version))

    def _listed(self, version: int | None) -> tuple[list[DataFile], int]:
        """Sorted by key; with about the bytes that the list takes."""
        table = self._opened(version)
        if table is None:
            return [], 0
        found = pa.table(table.get_add_actions(flatten=True)).to_pylist()
        files = [
            DataFile(
                key=layout.part(self._name, row["path"]),
                num_bytes=row["size_bytes"],
                num_rows=row.get("num_records"),
                least={column: row.get(f"min.{column}") for column in self._ranged},
                greatest={column: row.get(f"max.{column}") for column in self._ranged},
            )
            for row in sorted(found, key=lambda row: str(row["path"]))
        ]
        return files, FILE_ENTRY_BYTES * len(files)

    def rows(self, key: str, *, columns: Sequence[str]) -> pa.Table:
        """All rows of a file. StoreError names it where it is missing or damaged."""
        with self._parquet(key) as file:
            return file.read(columns=list(columns), use_threads=False)

    def group(self, key: str, index: int, *, columns: Sequence[str]) -> pa.Table:
        """The rows of one row group of a file."""
        with self._parquet(key) as file:
            # One thread: so few rows are read sooner than shared out.
            return file.read_row_group(index, columns=list(columns), use_threads=False)

    def ids(self, key: str) -> tuple[pa.Array, Indices]:
        """The first column of a file, and its row groups' `starts`."""
        with self._source(key) as (source, footer):
            ids = self._ids.get((key, source.size()), partial(self._read_ids, source, footer))
        return ids, footer.starts

    def starts(self, key: str) -> Indices:
        """Where the row groups of a file start; the last entry is where it ends."""
        with self._source(key) as (_, footer):
            return footer.starts

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
            return file.read_row_groups(chosen, columns=list(columns), use_threads=False)

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
        metadata = pq.read_metadata(source)
        if not metadata.schema.to_arrow_schema().equals(self._schema):
            raise StoreError(f"{key}: damaged: its columns are not those of the table {self._name}")
        sizes = [metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)]
        starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        return _Footer(metadata=metadata, starts=starts), metadata.serialized_size

    def _read_ids(self, source: pa.NativeFile, footer: "_Footer") -> tuple[pa.Array, int]:
        with _file(source, footer) as file:
            ids = file.read(columns=[self._schema.names[0]])[0].combine_chunks()
        return ids, ids.nbytes

    def _action(self, part: Part) -> AddAction:
        key = layout.part(self._name, part.path)
        with self._parquet(key) as file:
            metadata = file.metadata
        with self._objects.open(key) as source:
            num_bytes = source.size()
        if (num_bytes, metadata.num_rows) != (part.num_bytes, part.num_rows):
            raise StoreError(
                f"{key}: has {num_bytes} bytes and {metadata.num_rows} rows, "
                f"{part.num_bytes} bytes and {part.num_rows} rows were written"
            )
        least, greatest = _ranges(metadata, self._ranged)
        statistics = {"numRecords": metadata.num_rows, "minValues": least, "maxValues": greatest, "nullCount": {}}
        return AddAction(
            path=part.path,
            size=num_bytes,
            partition_values={},
            modification_time=int(time.time() * 1000),
            data_change=True,
            stats=json.dumps(statistics),
        )

    def _opened(self, version: int | None) -> DeltaTable | None:
        """None while there is no table."""
        try:
            table = self._delta(version)
        except TableNotFoundError:
            if version is None:
                return None
            raise NotFoundError(f"table {self._name} has no version {version}: it has none") from None
        except (DeltaError, OSError) as failure:
            if version is not None:
                self._refuse_version(version, failure)
            raise StoreError(f"table {self._name}: cannot be opened: {_first_line(failure)}") from failure
        if pa.schema(table.schema().to_arrow()) != self._schema:
            raise StoreError(
                f"table {self._name}: has other columns than this flywheel writes: use the one that made it"
            )
        return table

    def _refuse_version(self, version: int, failure: Exception) -> None:
        newest = self._opened(None)
        if newest is not None and version > newest.version():
            raise NotFoundError(
                f"table {self._name} has no version {version}: the newest is {newest.version()}"
            ) from failure

    def _created(self) -> DeltaTable:
        try:
            DeltaTable.create(
                self._objects.url(self._name),
                self._schema,
                configuration=CONFIGURATION,
                storage_options=dict(self._objects.options),
                commit_properties=CommitProperties(max_commit_retries=0),
            )
        except (DeltaError, OSError) as failure:
            table = self._opened(None)  # Another process may have created it at the same time.
            if table is None:
                raise StoreError(f"table {self._name}: cannot be created: {_first_line(failure)}") from failure
            return table
        return self._delta(None)

    def _delta(self, version: int | None) -> DeltaTable:
        return DeltaTable(self._objects.url(self._name), version=version, storage_options=dict(self._objects.options))


def _file(source: pa.NativeFile, footer: _Footer) -> pq.ParquetFile:
    return pq.ParquetFile(source, metadata=footer.metadata, pre_buffer=True, page_checksum_verification=True)


def _ranges(metadata: pq.FileMetaData, columns: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Smallest and largest value of each column of a file; a column without statistics is left out."""
    least: dict[str, Any] = {}
    greatest: dict[str, Any] = {}
    names = metadata.schema.names
    for column in columns:
        chunks = [metadata.row_group(index).column(names.index(column)) for index in range(metadata.num_row_groups)]
        found = [chunk.statistics for chunk in chunks if chunk.statistics is not None and chunk.statistics.has_min_max]
        if found and len(found) == len(chunks):
            least[column] = min(statistics.min for statistics in found)
            greatest[column] = max(statistics.max for statistics in found)
    return least, greatest


def _first_line(failure: Exception) -> str:
    """Delta Lake's messages end in a backtrace."""
    return str(failure).partition("\n")[0]
