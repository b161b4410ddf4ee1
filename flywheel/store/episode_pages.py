"""Pages of a table's rows by falling id, without reading the table: by what its files say of their row groups."""

from collections.abc import Mapping
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from flywheel.store.tables import DataFile, Table

ID = "episode_id"
ENOUGH_ROWS = 20_000
"""Rows that a page looks at before it is content with fewer than asked for."""
FILE_COSTS_ROWS = 64
"""What it costs to see what a file holds; measured."""


@dataclass(frozen=True, kw_only=True)
class _Unread:
    """A file, or one of its row groups, that nobody has read."""

    key: str
    group: int | None
    greatest: str | None
    """Its greatest id; None: not known."""

    def __lt__(self, other: "_Unread") -> bool:
        """Whether it comes first: the greatest id does, and whatever may hold any."""
        if self.greatest is None or other.greatest is None:
            return other.greatest is not None
        return self.greatest > other.greatest


def newest_first(
    table: Table,
    *,
    schema: pa.Schema,
    size: int,
    before: str | None,
    wanted: Mapping[str, Any],
    enough_rows: int = ENOUGH_ROWS,
) -> tuple[pa.Table, str | None]:
    """At most `size` rows that have the wanted values, with ids before the given one, and where the next page begins.

    `schema`: the columns to read, the id among them. Rows after an id that may be unread are not shown yet.
    """
    unread = _files(table, before=before, wanted=wanted)
    found = [schema.empty_table()]
    ids: list[str] = []
    num_read = 0
    while unread:
        if sum(map(_after(unread[0]), ids)) >= size or (num_read >= enough_rows and _gets_on(unread[0], before)):
            break
        first = heappop(unread)
        if first.group is None:
            for group in _groups(table, first.key, before=before, wanted=wanted):
                heappush(unread, group)
            num_read += FILE_COSTS_ROWS
            continue
        rows = table.group(first.key, first.group, columns=schema.names)
        num_read += rows.num_rows
        rows = _chosen(rows, before=before, wanted=wanted)
        found.append(rows)
        ids += rows[ID].to_pylist()
    rows = pa.concat_tables(found).sort_by([(ID, "descending")])
    if not unread:
        return rows.slice(0, size), (rows[ID][size - 1].as_py() if rows.num_rows > size else None)
    num_shown = sum(map(_after(unread[0]), ids))
    if num_shown >= size:
        return rows.slice(0, size), rows[ID][size - 1].as_py()
    return rows.slice(0, num_shown), _following(unread[0].greatest)


def _after(first: _Unread) -> Any:
    """Whether an id comes before all that is unread."""
    return lambda episode_id: first.greatest is not None and episode_id > first.greatest


def _gets_on(first: _Unread, before: str | None) -> bool:
    """Whether the next page would begin later than this one did."""
    return first.greatest is not None and (before is None or _following(first.greatest) < before)


def _following(episode_id: str | None) -> str:
    """The bound under which it is itself the greatest."""
    assert episode_id is not None, "a page ends only where the next id is known"
    return f"{episode_id}\0"


def _files(table: Table, *, before: str | None, wanted: Mapping[str, Any]) -> list[_Unread]:
    def may_hold(file: DataFile) -> bool:
        least = file.least.get(ID)
        in_range = before is None or least is None or least < before
        return in_range and all(file.may_hold(column, [value]) for column, value in wanted.items())

    files = [
        _Unread(key=file.key, group=None, greatest=file.greatest.get(ID))
        for file in table.files(None)
        if may_hold(file)
    ]
    heapify(files)
    return files


def _groups(table: Table, key: str, *, before: str | None, wanted: Mapping[str, Any]) -> list[_Unread]:
    unknown = (None, None)
    groups = []
    for index, ranges in enumerate(table.ranges(key, columns=(ID, *wanted))):
        least, greatest = ranges.get(ID, unknown)
        in_range = before is None or least is None or least < before
        if in_range and all(low <= wanted[column] <= high for column, (low, high) in ranges.items() if column != ID):
            groups.append(_Unread(key=key, group=index, greatest=greatest))
    return groups


def _chosen(rows: pa.Table, *, before: str | None, wanted: Mapping[str, Any]) -> pa.Table:
    for column, value in wanted.items():
        rows = rows.filter(pc.field(column) == value)
    return rows if before is None else rows.filter(pc.field(ID) < before)
