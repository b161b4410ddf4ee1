"""Episodes in a Delta table: one row each, its arrays as list columns."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pyarrow as pa

from flywheel.core.episode import Episode, Outcome, Source
from flywheel.core.errors import EpisodeError, NotFoundError, StoreError
from flywheel.ports import EpisodeSummary, Part
from flywheel.store import layout
from flywheel.store.columns import BOOLS, FLOATS, NAMED, arrays, lists, named_arrays, named_lists
from flywheel.store.objects import Objects
from flywheel.store.tables import Table

SCHEMA = pa.schema(
    [
        pa.field("episode_id", pa.string(), nullable=False),
        pa.field("task", pa.string(), nullable=False),
        pa.field("scene", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("iteration", pa.int32(), nullable=False),
        pa.field("behaviour_policy", pa.string(), nullable=False),
        pa.field("seed", pa.int64(), nullable=False),
        pa.field("initial_state", pa.string(), nullable=False),
        pa.field("decision_s", pa.float64(), nullable=False),
        pa.field("scored", pa.bool_(), nullable=False),
        pa.field("terminated", pa.bool_(), nullable=False),
        pa.field("truncated", pa.bool_(), nullable=False),
        pa.field("error", pa.string()),
        # The next three follow from the others, for readers who know only SQL.
        pa.field("outcome", pa.string(), nullable=False),
        pa.field("num_decisions", pa.int32(), nullable=False),
        pa.field("time_to_success_s", pa.float64()),
        pa.field("action_size", pa.int32(), nullable=False),
        pa.field("actions", FLOATS, nullable=False),
        pa.field("rewards", FLOATS, nullable=False),
        pa.field("successes", BOOLS, nullable=False),
        pa.field("observations", NAMED, nullable=False),
        pa.field("facts", NAMED, nullable=False),
    ]
)
"""The same for every task. Arrays are flat in C order: actions [T, A], observations [T+1, D], facts [T, R, F]."""

SCALARS = (
    "episode_id",
    "task",
    "scene",
    "source",
    "iteration",
    "behaviour_policy",
    "seed",
    "initial_state",
    "decision_s",
    "scored",
    "terminated",
    "truncated",
    "error",
)
"""Columns that an Episode takes as they are."""
DERIVED = ("outcome", "num_decisions", "time_to_success_s")
SUMMARY = (
    "episode_id",
    "task",
    "scene",
    "source",
    "iteration",
    "behaviour_policy",
    "seed",
    "initial_state",
    "outcome",
    "num_decisions",
    "time_to_success_s",
    "error",
)
"""Columns of an EpisodeSummary."""


@dataclass(frozen=True, order=True)
class _Place:
    """Where an episode's row is."""

    episode_id: str
    key: str
    group: int
    row: int


class DeltaEpisodes:
    """The table `episodes`. Implements `ports.EpisodeTable`."""

    def __init__(self, *, objects: Objects) -> None:
        self._table = Table(
            objects=objects, name=layout.EPISODES, schema=SCHEMA, ranged=("episode_id", "iteration", "source")
        )

    @property
    def table(self) -> Table:
        """For those who look after files rather than episodes."""
        return self._table

    def of_file(self, key: str) -> Iterator[Episode]:
        """All episodes of one file, committed or not, in its order. StoreError names what is damaged."""
        rows = self._table.rows(key, columns=SCHEMA.names)
        group = _Group(rows, key=key)
        return (group.episode(row) for row in range(rows.num_rows))

    def summaries_of_file(self, key: str) -> list[EpisodeSummary]:
        """All episodes of one file, committed or not. Reads no arrays."""
        rows = self._table.rows(key, columns=SUMMARY).to_pylist()
        return [_summary(row) for row in rows]

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

    def summaries(
        self, *, version: int | None = None, iteration: int | None = None, source: Source | None = None
    ) -> list[EpisodeSummary]:
        wanted = {"iteration": iteration, "source": source}
        wanted = {column: value for column, value in wanted.items() if value is not None}
        found: list[EpisodeSummary] = []
        for file in self._table.files(version):
            if all(file.may_hold(column, [value]) for column, value in wanted.items()):
                rows = self._table.rows(file.key, columns=SUMMARY).to_pylist()
                found += [_summary(row) for row in rows if all(row[column] == wanted[column] for column in wanted)]
        found.sort(key=lambda summary: summary.episode_id)
        _refuse_twice([summary.episode_id for summary in found])
        return found

    def read(self, *, version: int | None = None, episode_ids: Iterable[str] | None = None) -> Iterator[Episode]:
        places = self._places(version, None if episode_ids is None else sorted(set(episode_ids)))
        _refuse_twice([place.episode_id for place in places])
        return self._stream(places)

    def _places(self, version: int | None, wanted: Sequence[str] | None) -> list[_Place]:
        """Sorted by episode id; only the ids are read."""
        places: list[_Place] = []
        chosen = None if wanted is None else set(wanted)
        for file in self._table.files(version):
            if wanted is not None and not file.may_hold("episode_id", wanted):
                continue
            for group, rows in enumerate(self._table.groups(file.key, columns=["episode_id"])):
                places += [
                    _Place(episode_id, file.key, group, row)
                    for row, episode_id in enumerate(rows["episode_id"].to_pylist())
                    if chosen is None or episode_id in chosen
                ]
        missing = (chosen or set()) - {place.episode_id for place in places}
        if missing:
            raise NotFoundError(f"table episodes: {len(missing)} episode(s) are not there, the first is {min(missing)}")
        return sorted(places)

    def _stream(self, places: Sequence[_Place]) -> Iterator[Episode]:
        """Reads each row group once and holds it until its last episode was given away."""
        left = Counter((place.key, place.group) for place in places)
        held: dict[tuple[str, int], _Group] = {}
        for place in places:
            name = (place.key, place.group)
            if name not in held:
                rows = self._table.group(place.key, place.group, columns=SCHEMA.names)
                held[name] = _Group(rows, key=place.key)
            yield held[name].episode(place.row)
            left[name] -= 1
            if not left[name]:
                del held[name]


class _Group:
    """Decoded rows of one row group."""

    def __init__(self, rows: pa.Table, *, key: str) -> None:
        self._key = key
        self._scalars = rows.select([*SCALARS, "num_decisions", "action_size"]).to_pylist()
        self._actions, self._rewards, self._successes = (
            arrays(rows[name]) for name in ("actions", "rewards", "successes")
        )
        self._observations, self._facts = named_arrays(rows["observations"]), named_arrays(rows["facts"])

    def episode(self, row: int) -> Episode:
        """StoreError: the row does not make an episode."""
        scalars = dict(self._scalars[row])
        shape = scalars.pop("num_decisions"), scalars.pop("action_size")
        # Copies: an episode must not hold its whole row group in memory.
        try:
            return Episode(
                **{**scalars, "source": Source(scalars["source"])},
                actions=self._actions[row].reshape(shape).copy(),
                rewards=self._rewards[row].copy(),
                successes=self._successes[row].copy(),
                observations={name: values.copy() for name, values in self._observations[row].items()},
                facts={name: values.copy() for name, values in self._facts[row].items()},
            )
        except (EpisodeError, ValueError) as failure:
            raise StoreError(f"{self._key}: episode {scalars['episode_id']}: not an episode: {failure}") from failure


def rows(episodes: Sequence[Episode]) -> pa.Table:
    columns: dict[str, Any] = {name: [getattr(episode, name) for episode in episodes] for name in (*SCALARS, *DERIVED)}
    columns["action_size"] = [episode.actions.shape[1] for episode in episodes]
    columns["actions"] = lists([episode.actions for episode in episodes], FLOATS)
    columns["rewards"] = lists([episode.rewards for episode in episodes], FLOATS)
    columns["successes"] = lists([episode.successes for episode in episodes], BOOLS)
    columns["observations"] = named_lists([episode.observations for episode in episodes])
    columns["facts"] = named_lists([episode.facts for episode in episodes])
    return pa.table(columns, schema=SCHEMA)


def _summary(row: dict[str, Any]) -> EpisodeSummary:
    return EpisodeSummary(**{**row, "source": Source(row["source"]), "outcome": Outcome(row["outcome"])})


def _refuse_twice(episode_ids: Sequence[str]) -> None:
    """Sorted ids. A stage that counts an episode twice would report a wrong success rate."""
    for before, after in pairwise(episode_ids):
        if before == after:
            raise StoreError(f"table episodes: episode {after} is there more than once")
