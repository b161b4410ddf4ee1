"""Labels in a Delta table: one row per episode, task, labeler and labeler version."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

import pyarrow as pa
import pyarrow.compute as pc

from flywheel.core.task import Label
from flywheel.ports import Part, TableSize
from flywheel.store import layout
from flywheel.store.columns import FLOATS, arrays, lists
from flywheel.store.objects import Objects
from flywheel.store.tables import DataFile, Table

SCHEMA = pa.schema(
    [
        pa.field("episode_id", pa.string(), nullable=False),
        pa.field("task", pa.string(), nullable=False),
        pa.field("labeler", pa.string(), nullable=False),
        pa.field("labeler_version", pa.int32(), nullable=False),
        pa.field("terminated", pa.bool_(), nullable=False),
        pa.field("success", pa.bool_()),
        pa.field("rewards", FLOATS, nullable=False),
    ]
)
SCALARS = tuple(name for name in SCHEMA.names if name != "rewards")
RANGED = ("episode_id",)
"""Columns whose range the table knows for each file."""
FIELDS = (*SCALARS, "rewards")


class DeltaLabels:
    """The table `labels`. Implements `ports.LabelTable`."""

    def __init__(self, *, objects: Objects) -> None:
        self._table = Table(objects=objects, name=layout.LABELS, schema=SCHEMA, ranged=RANGED)

    @property
    def table(self) -> Table:
        """For those who look after files rather than labels."""
        return self._table

    def of_file(self, key: str) -> list[Label]:
        """All labels of one file, also those that newer ones replace. StoreError names what is damaged."""
        return list(_labels(self._table.rows(key, columns=SCHEMA.names)))

    def write(self, labels: Sequence[Label]) -> Part:
        ordered = sorted(labels, key=lambda label: (label.episode_id, label.task, *_age(label)))
        columns = {name: [getattr(label, name) for label in ordered] for name in SCALARS}
        columns["rewards"] = lists([label.rewards for label in ordered], FLOATS)
        return self._table.write(pa.table(columns, schema=SCHEMA))

    def commit(self, parts: Sequence[Part], *, transaction: str) -> int:
        return self._table.commit(parts, transaction=transaction)

    def committed(self, transaction: str) -> int | None:
        return self._table.committed(transaction)

    def digest(self, version: int) -> str:
        return self._table.digest(version)

    def size(self) -> TableSize:
        return self._table.size()

    def read(self, *, version: int | None = None) -> Mapping[str, Sequence[Label]]:
        return _newest(self.of_file(file.key) for file in self.files(version=version))

    def of(self, episode_ids: Sequence[str], *, version: int | None = None) -> Mapping[str, Sequence[Label]]:
        if not episode_ids:
            return {}
        ids = pa.array(episode_ids, pa.string())
        near = (rows.filter(pc.is_in(rows["episode_id"], ids)) for rows in self._near(episode_ids, version))
        return _newest(map(_labels, near))

    def labelled(self, episode_ids: Iterable[str], *, version: int | None = None) -> set[str]:
        wanted = set(episode_ids)
        ordered = sorted(wanted)
        found: set[str] = set()
        for file in self._table.files(version) if wanted else ():
            if file.may_hold("episode_id", ordered):
                rows = self._table.rows(file.key, columns=["episode_id"])
                found |= wanted.intersection(rows["episode_id"].unique().to_pylist())
        return found

    def scalars(self, episode_ids: Sequence[str], *, version: int | None = None) -> pa.Table:
        """Columns without rewards, and the `length` of these, of every label between the first and the last id."""
        empty = SCHEMA.empty_table()
        rows = pa.concat_tables([empty, *self._near(episode_ids, version)])
        return rows.select(SCALARS).append_column("length", pc.list_value_length(rows["rewards"]))

    def files(self, *, version: int | None = None) -> list[DataFile]:
        """Sorted by key."""
        return self._table.files(version)

    def _near(self, episode_ids: Sequence[str], version: int | None) -> Iterator[pa.Table]:
        """Of each file, the row groups that may hold labels of the episodes."""
        low, high = episode_ids[0], episode_ids[-1]
        for file in self.files(version=version):
            if file.overlaps("episode_id", low, high):
                yield self._table.between(file.key, low, high, columns=SCHEMA.names)


def _labels(rows: pa.Table) -> Iterator[Label]:
    columns = (rows[name].to_pylist() for name in SCALARS)
    for values in zip(*columns, arrays(rows["rewards"]), strict=True):
        yield Label(**dict(zip(FIELDS, values, strict=True)))


def _newest(files: Iterable[Iterable[Label]]) -> dict[str, list[Label]]:
    """Episode id -> its labels by task, both in order."""
    newest: dict[tuple[str, str], Label] = {}
    for label in chain.from_iterable(files):
        known = newest.setdefault((label.episode_id, label.task), label)
        if _age(label) > _age(known):
            newest[label.episode_id, label.task] = label
    labels: dict[str, list[Label]] = {}
    for (episode_id, _), label in sorted(newest.items(), key=lambda item: item[0]):
        labels.setdefault(episode_id, []).append(label)
    return labels


def _age(label: Label) -> tuple[int, str]:
    """The greatest counts. The name decides between labelers of one version, so that every reader agrees."""
    return label.labeler_version, label.labeler
