"""Compaction: many small files of a table become few large ones that hold the same rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import pyarrow as pa

from flywheel.core.errors import StoreError
from flywheel.ports import Part
from flywheel.store.tables import DataFile, Table
from flywheel.store.whole import Store
from flywheel.upkeep.finding import Progress

TARGET_BYTES = 128 * 2**20
"""Large enough that a table of a million episodes has hundreds of files, small enough to be held in memory."""

ORDER = ("episode_id", "task", "labeler_version", "labeler")
"""Of the rows in a file, as the tables' own writers have it."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Files of a table that become one."""

    table: str
    files: tuple[DataFile, ...]

    @property
    def num_bytes(self) -> int:
        return sum(file.num_bytes for file in self.files)

    @property
    def num_rows(self) -> int:
        return sum(file.num_rows for file in self.files)


@dataclass(frozen=True, kw_only=True)
class Compacted:
    """What became of a table."""

    table: str
    files_before: int
    files_after: int
    version: int
    """The newest, which reads as the one before it."""


def plan_compaction(store: Store, *, target_bytes: int = TARGET_BYTES) -> list[Batch]:
    """Neighbours in the order of their episode ids go together, so that each file holds a narrow range of ids."""
    return [
        Batch(table=name, files=files)
        for name, table in store.tables.items()
        for files in _grouped(table.files(None), target_bytes)
    ]


def compact(
    store: Store, batches: Sequence[Batch], progress: Progress = lambda what, done, total: None
) -> list[Compacted]:
    """Writes the large files, then makes one new version per table. Older versions read the files that they name.

    StoreError: a file is damaged, or somebody else compacted meanwhile; the table is as it was.
    """
    done: list[Compacted] = []
    for name in dict.fromkeys(batch.table for batch in batches):
        table, mine = store.tables[name], [batch for batch in batches if batch.table == name]
        parts: list[Part] = []
        for batch in mine:
            parts.append(_joined(table, batch))
            progress(name, len(parts), len(mine))
        paths = sorted(file.path for batch in mine for file in batch.files)
        files_before = len(table.files(None))
        version = table.replace(paths, parts, transaction=_transaction(paths), changes_data=False)
        after = len(table.files(version))
        done.append(Compacted(table=name, files_before=files_before, files_after=after, version=version))
    return done


def _grouped(files: Sequence[DataFile], target_bytes: int) -> list[tuple[DataFile, ...]]:
    """Of files below half the target, so that a file that compaction made is not touched again."""
    small = [file for file in files if 2 * file.num_bytes < target_bytes]
    groups: list[list[DataFile]] = [[]]
    for file in sorted(small, key=lambda file: (str(file.least.get("episode_id")), file.path)):
        if sum(other.num_bytes for other in groups[-1]) + file.num_bytes > target_bytes:
            groups.append([])
        groups[-1].append(file)
    return [tuple(group) for group in groups if len(group) > 1]


def _joined(table: Table, batch: Batch) -> Part:
    for file in batch.files:
        table.check(file)  # Else damaged rows would be written anew under a digest that fits them.
    rows = pa.concat_tables([table.rows(file.key, columns=table.columns) for file in batch.files])
    part = table.write(rows.sort_by([(column, "ascending") for column in ORDER if column in table.columns]))
    if part.num_rows != batch.num_rows:
        raise StoreError(f"table {batch.table}: {batch.num_rows} rows to compact, {part.num_rows} were read")
    return part


def _transaction(paths: Sequence[str]) -> str:
    return f"compaction-{sha256(' '.join(paths).encode()).hexdigest()[:16]}"
