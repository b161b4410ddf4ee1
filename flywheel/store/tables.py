"""A Delta table of rows that are appended in transactions and never change."""

import json
import random
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction

from flywheel.core.errors import NotFoundError, StoreError, StoreUnavailableError
from flywheel.ports import Part, TableSize
from flywheel.store import layout
from flywheel.store.cache import Cache
from flywheel.store.delta_errors import translated
from flywheel.store.extents import extents
from flywheel.store.objects import Objects
from flywheel.store.parts import MAX_KEPT_BYTES, Parts

ROW_GROUP_ROWS = 64
"""Rows that are read together: what a reader of single rows must hold at least."""
COMMIT_ATTEMPTS = 200
"""Each lost attempt means that another process committed."""
MAX_PAUSE_S = 0.05
"""Between two attempts to commit."""

COMPRESSION = "snappy"
"""Measured noise hardly compresses: zstd saves a tenth of the bytes and reads three to four times slower."""
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
    path: str
    """Relative to its table."""
    num_bytes: int
    num_rows: int
    least: dict[str, Any]
    """Column -> its smallest value."""
    greatest: dict[str, Any]

    def may_hold(self, column: str, values: Sequence[Any]) -> bool:
        """Whether a row may have one of the values, which are sorted."""
        return bool(self.possible(column, values))

    def possible(self, column: str, values: Sequence[Any]) -> Sequence[Any]:
        """Those of the values, which are sorted, that a row may have."""
        low, high = self.least.get(column), self.greatest.get(column)
        if low is None or high is None:
            return values
        return values[bisect_left(values, low) : bisect_right(values, high)]

    def overlaps(self, column: str, low: Any, high: Any) -> bool:
        """Whether a row may have a value from low to high."""
        least, greatest = self.least.get(column), self.greatest.get(column)
        return least is None or greatest is None or bool(least <= high and greatest >= low)


class Table(Parts):
    """Parquet files beside the log of a Delta table. Created by its first commit; before that it is empty."""

    def __init__(self, *, objects: Objects, name: str, schema: pa.Schema, ranged: Sequence[str]) -> None:
        """`ranged` columns are scalars whose range is kept for each file, so that readers can skip files."""
        super().__init__(objects=objects, name=name, schema=schema)
        self._ranged = tuple(ranged)
        self._files: Cache[list[DataFile]] = Cache(max_bytes=MAX_KEPT_BYTES)
        self._size = TableSize(version=0, num_bytes=0)

    @property
    def columns(self) -> list[str]:
        return list(self._schema.names)

    def write(self, rows: pa.Table) -> Part:
        """One file, invisible until committed. The same rows give the same file."""
        part, data = self.encoded(rows)
        self.put(part, data)
        return part

    def encoded(self, rows: pa.Table) -> tuple[Part, bytes]:
        """What `write` writes, for who has to keep it for a while."""
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
        return Part(path=_name(data), num_bytes=len(data), num_rows=rows.num_rows), data

    def put(self, part: Part, data: bytes) -> None:
        """Writes what `encoded` gave."""
        self._objects.put(layout.part(self._name, part.path), data)

    def commit(self, parts: Sequence[Part], *, transaction: str) -> int:
        """Makes the parts visible, all or none, and returns the version that did. A transaction commits once.

        StoreError: a part is missing or is not what was written; nothing was committed.
        """
        done = self.committed(transaction)
        if done is not None:
            return done
        actions = [self._action(part) for part in {part.path: part for part in parts}.values()]
        return self._commit(lambda _: actions, transaction)

    def replace(self, paths: Sequence[str], parts: Sequence[Part], *, transaction: str, changes_data: bool) -> int:
        """A new version with the parts instead of the files at the paths; older versions stay as they are.

        `changes_data`: whether the rows differ. What others commit meanwhile stays. StoreError: the newest version
        no longer holds one of the files, or a part is not what was written; nothing was committed.
        """
        added = [self._action(part, changes_data=changes_data) for part in parts]

        def actions(table: DeltaTable) -> list[AddAction | RemoveAction]:
            held = set(pa.table(table.get_add_actions())["path"].to_pylist())
            gone = sorted(set(paths) - held)
            if gone:
                raise StoreError(f"table {self._name}: somebody else replaced {gone[0]} meanwhile; try again")
            # A part that the table holds already, because it has the same rows, must not be added twice.
            return [_removal(path, changes_data) for path in paths] + [some for some in added if some.path not in held]

        return self._commit(actions, transaction)

    def _commit(self, actions: Callable[[DeltaTable], Sequence[AddAction | RemoveAction]], transaction: str) -> int:
        for _ in range(COMMIT_ATTEMPTS):
            table = self._opened(None) or self._created()
            done = table.transaction_version(transaction)
            if done is not None:
                return done
            version, chosen = table.version() + 1, list(actions(table))
            # No retries inside: Delta Lake must not move the commit to a version other than the one it records.
            properties = CommitProperties(max_commit_retries=0, app_transactions=[Transaction(transaction, version)])
            try:
                table.create_write_transaction(chosen, "append", self._schema, commit_properties=properties)
                return version
            except CommitFailedError:
                time.sleep(random.uniform(0, MAX_PAUSE_S))
            except (DeltaError, OSError) as failure:
                reason = translated(failure, what=f"table {self._name}: cannot commit {transaction}")
                if not isinstance(reason, StoreUnavailableError):
                    raise reason from failure
                # Whether it was committed says the table, once it can be read.
        raise StoreError(f"table {self._name}: {COMMIT_ATTEMPTS} other commits came before {transaction}; try again")

    def commits(self, transactions: Iterable[str]) -> dict[str, int]:
        """Transaction -> the version that committed it, of those that were committed. Opens the table once."""
        table = self._opened(None)
        found = {} if table is None else {name: table.transaction_version(name) for name in transactions}
        return {name: version for name, version in found.items() if version is not None}

    def newest(self) -> int | None:
        """The newest version; None while there is no table."""
        table = self._opened(None)
        return None if table is None else table.version()

    def size(self) -> TableSize:
        """Of the newest version. Adds up the log's files only where the version is a new one."""
        table = self._opened(None)
        if table is not None and table.version() != self._size.version:
            num_bytes = sum(pa.table(table.get_add_actions())["size_bytes"].to_pylist())
            self._size = TableSize(version=table.version(), num_bytes=num_bytes)
        return self._size

    def committed(self, transaction: str) -> int | None:
        """The version that committed the transaction."""
        table = self._opened(None)
        return None if table is None else table.transaction_version(transaction)

    def digest(self, version: int) -> str:
        """sha256 over the names of the version's files, which hold their own. NotFoundError: no such version."""
        return sha256("\n".join(file.key for file in self.files(version)).encode()).hexdigest()

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
                path=row["path"],
                num_bytes=row["size_bytes"],
                num_rows=row["num_records"],
                least={column: row.get(f"min.{column}") for column in self._ranged},
                greatest={column: row.get(f"max.{column}") for column in self._ranged},
            )
            for row in sorted(found, key=lambda row: str(row["path"]))
        ]
        return files, FILE_ENTRY_BYTES * len(files)

    def check(self, file: DataFile) -> None:
        """StoreError: the bytes of a file are not those that its name promises."""
        try:
            data = self._objects.get(file.key)
        except NotFoundError as failure:
            raise StoreError(f"{file.key}: missing: the table {self._name} needs it") from failure
        if _name(data) != file.path:
            raise StoreError(f"{file.key}: damaged: its sha256 is not the one in its name")

    def _action(self, part: Part, *, changes_data: bool = True) -> AddAction:
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
        least, greatest = extents(metadata, self._ranged)
        statistics = {"numRecords": metadata.num_rows, "minValues": least, "maxValues": greatest, "nullCount": {}}
        return AddAction(
            path=part.path,
            size=num_bytes,
            partition_values={},
            modification_time=int(time.time() * 1000),
            data_change=changes_data,
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
            raise translated(failure, what=f"table {self._name}: cannot be opened") from failure
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
                raise translated(failure, what=f"table {self._name}: cannot be created") from failure
            return table
        return self._delta(None)

    def _delta(self, version: int | None) -> DeltaTable:
        return DeltaTable(self._objects.url(self._name), version=version, storage_options=dict(self._objects.options))


def _name(data: bytes) -> str:
    return f"part-{sha256(data).hexdigest()}.parquet"


def _removal(path: str, changes_data: bool) -> RemoveAction:
    return RemoveAction(path, data_change=changes_data, deletion_timestamp=int(time.time() * 1000))
