"""Episodes in a Delta table: one row each, its arrays as list columns."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import repeat
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flywheel.core.episode import Episode, EpisodeSummary, Outcome, Source
from flywheel.core.errors import NotFoundError, StoreError
from flywheel.core.mixture import Indices
from flywheel.ports import EpisodePage, Part, TableSize
from flywheel.store import layout
from flywheel.store.cache import Cache
from flywheel.store.episode_pages import newest_first
from flywheel.store.episode_rows import SCHEMA, SUMMARY, SUMMARY_SCHEMA, TRAINING, WHOLE, Group, rows, summaries
from flywheel.store.objects import Objects
from flywheel.store.tables import DataFile, Table

COUNT_BYTES = 500
"""About what one count takes in memory."""
MAX_COUNTS_BYTES = 32 * 2**20
"""Of counts of files, that are kept."""
COUNTED = ("task", "behaviour_policy", "source", "outcome")
"""Columns of a count of outcomes."""
RANGED = ("episode_id", "iteration", "source", "num_decisions")
"""Columns whose range the table knows for each file."""
TRAINED = ("episode_id", "task", "source", "iteration", "behaviour_policy", "error", "num_decisions")
"""Columns that say whether and how training uses an episode."""


class _Place(NamedTuple):
    """Where an episode's row is."""

    episode_id: str
    key: str
    group: int
    row: int


class DeltaEpisodes:
    """The table `episodes`. Implements `ports.EpisodeTable`."""

    def __init__(self, *, objects: Objects) -> None:
        self._table = Table(objects=objects, name=layout.EPISODES, schema=SCHEMA, ranged=RANGED)
        self._counts: Cache[Counter[tuple[str, ...]]] = Cache(max_bytes=MAX_COUNTS_BYTES)

    @property
    def table(self) -> Table:
        """For those who look after files rather than episodes."""
        return self._table

    def of_file(self, key: str) -> Iterator[Episode]:
        """All episodes of one file, committed or not, in its order. StoreError names what is damaged."""
        group = Group(self._table.rows(key, columns=WHOLE), key=key)
        return (group.episode(row) for row in range(group.num_rows))

    def summaries_of_file(self, key: str) -> list[EpisodeSummary]:
        """All episodes of one file, committed or not. Reads no arrays."""
        return summaries(self._table.rows(key, columns=SUMMARY))

    def write(self, episodes: Sequence[Episode]) -> Part:
        return self._table.write(rows(sorted(episodes, key=lambda episode: episode.episode_id)))

    def encoded(self, episodes: Sequence[Episode]) -> tuple[Part, bytes]:
        """What `write` writes, for who has to keep it for a while."""
        return self._table.encoded(rows(sorted(episodes, key=lambda episode: episode.episode_id)))

    def put(self, part: Part, data: bytes) -> None:
        """Writes what `encoded` gave."""
        self._table.put(part, data)

    def commit(self, parts: Sequence[Part], *, transaction: str) -> int:
        return self._table.commit(parts, transaction=transaction)

    def committed(self, transaction: str) -> int | None:
        return self._table.committed(transaction)

    def digest(self, version: int) -> str:
        return self._table.digest(version)

    def size(self) -> TableSize:
        return self._table.size()

    def summaries(
        self, *, version: int | None = None, iteration: int | None = None, source: Source | None = None
    ) -> list[EpisodeSummary]:
        rows = self._scalars(version, SUMMARY, iteration=iteration, source=source).sort_by("episode_id")
        _refuse_twice(rows["episode_id"])
        return summaries(rows)

    def page(
        self,
        *,
        size: int,
        before: str | None = None,
        task: str | None = None,
        behaviour_policy: str | None = None,
        outcome: Outcome | None = None,
        source: Source | None = None,
        iteration: int | None = None,
    ) -> EpisodePage:
        wanted = {
            "task": task,
            "behaviour_policy": behaviour_policy,
            "outcome": outcome,
            "source": source,
            "iteration": iteration,
        }
        given = {column: value for column, value in wanted.items() if value is not None}
        rows, following = newest_first(self._table, schema=SUMMARY_SCHEMA, size=size, before=before, wanted=given)
        return EpisodePage(summaries=summaries(rows), before=following)

    def counts(self, *, version: int | None = None) -> dict[tuple[str, str, Source], dict[Outcome, int]]:
        found: Counter[tuple[str, ...]] = Counter()
        for file in self._table.files(version):
            # Files never change: of the next version, only those are counted that are new in it.
            found.update(self._counts.get((file.key, file.num_bytes), partial(self._counted, file.key)))
        counts: dict[tuple[str, str, Source], dict[Outcome, int]] = {}
        for (task, policy, source, outcome), count in sorted(found.items()):
            counts.setdefault((task, policy, Source(source)), {})[Outcome(outcome)] = count
        return counts

    def read(self, *, version: int | None = None, episode_ids: Iterable[str] | None = None) -> Iterator[Episode]:
        places = self._places(version, None if episode_ids is None else sorted(set(episode_ids)))
        _refuse_twice(pa.chunked_array([pa.array([place.episode_id for place in places], pa.string())]))
        return self._stream(places)

    def files(self, *, version: int | None = None) -> list[DataFile]:
        """Sorted by key."""
        return self._table.files(version)

    def scalars(self, key: str) -> tuple[pa.Table, Indices]:
        """The columns of a file that TRAINED names, and where its row groups start; the last entry is its end."""
        return self._table.rows(key, columns=TRAINED), self._table.starts(key)

    def group(self, key: str, index: int) -> list[Episode]:
        """The episodes of one row group of a file, without their facts."""
        group = Group(self._table.group(key, index, columns=TRAINING), key=key)
        return [group.episode(row) for row in range(group.num_rows)]

    def _counted(self, key: str) -> tuple[Counter[tuple[str, ...]], int]:
        rows = self._table.rows(key, columns=COUNTED).group_by(list(COUNTED)).aggregate([([], "count_all")])
        counts = Counter({tuple(row[name] for name in COUNTED): row["count_all"] for row in rows.to_pylist()})
        return counts, COUNT_BYTES * (1 + len(counts))

    def _scalars(self, version: int | None, columns: Sequence[str], **wanted: str | int | None) -> pa.Table:
        """Columns without arrays, of the rows that have the wanted values; None: any value."""
        values = {column: value for column, value in wanted.items() if value is not None}
        files = [
            file
            for file in self._table.files(version)
            if all(file.may_hold(column, [value]) for column, value in values.items())
        ]
        empty = pa.schema([SCHEMA.field(name) for name in columns]).empty_table()
        rows = pa.concat_tables([empty, *(self._table.rows(file.key, columns=columns) for file in files)])
        for column, value in values.items():
            rows = rows.filter(pc.field(column) == value)
        return rows

    def _places(self, version: int | None, wanted: Sequence[str] | None) -> list[_Place]:
        """Sorted by episode id; only the ids are read."""
        places: list[_Place] = []
        for file in self._table.files(version):
            possible = None if wanted is None else file.possible("episode_id", wanted)
            if possible is None or possible:
                places += self._places_in(file.key, possible)
        missing = set(wanted or ()) - {place.episode_id for place in places}
        if missing:
            raise NotFoundError(f"table episodes: {len(missing)} episode(s) are not there, the first is {min(missing)}")
        return sorted(places)

    def _places_in(self, key: str, wanted: Sequence[str] | None) -> Iterator[_Place]:
        ids, starts = self._table.ids(key)
        if wanted is None:
            rows = np.arange(len(ids))
        else:
            there = pc.is_in(ids, pa.array(wanted, pa.string()))
            rows = np.flatnonzero(there.to_numpy(zero_copy_only=False))
            ids = ids.filter(there)
        groups = np.searchsorted(starts, rows, side="right") - 1
        within = (rows - starts[groups]).tolist()
        return map(_Place, ids.to_pylist(), repeat(key), groups.tolist(), within)

    def _stream(self, places: Sequence[_Place]) -> Iterator[Episode]:
        """Reads each row group once and holds it until its last episode was given away."""
        left = Counter((place.key, place.group) for place in places)
        held: dict[tuple[str, int], Group] = {}
        for place in places:
            name = (place.key, place.group)
            if name not in held:
                held[name] = Group(self._table.group(place.key, place.group, columns=WHOLE), key=place.key)
            yield held[name].episode(place.row, episode_id=place.episode_id)
            left[name] -= 1
            if not left[name]:
                del held[name]


def _refuse_twice(episode_ids: pa.ChunkedArray) -> None:
    """Sorted ids. A stage that counts an episode twice would report a wrong success rate."""
    ids = episode_ids.combine_chunks()
    twice = pc.equal(ids[1:], ids[:-1])
    if pc.any(twice).as_py():
        raise StoreError(f"table episodes: episode {ids[pc.index(twice, True).as_py()]} is there more than once")
