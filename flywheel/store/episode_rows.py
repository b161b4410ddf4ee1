"""Episodes as rows: the columns of the table, and both ways between rows and episodes."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from flywheel.core.episode import Episode, EpisodeSummary, Outcome, Source
from flywheel.core.errors import EpisodeError, StoreError
from flywheel.store.columns import BOOLS, FLOATS, NAMED, NamedArrays, arrays, lists, named_lists

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
"""Columns of an EpisodeSummary, in its order."""
SUMMARY_SCHEMA = pa.schema([SCHEMA.field(name) for name in SUMMARY])


class Group:
    """Decoded rows of one row group."""

    def __init__(self, rows: pa.Table, *, key: str) -> None:
        self._key = key
        self._scalars = rows.select([*SCALARS, "num_decisions", "action_size"]).to_pylist()
        self._actions, self._rewards, self._successes = (
            arrays(rows[name]) for name in ("actions", "rewards", "successes")
        )
        self._observations = NamedArrays(rows["observations"])
        self._facts = NamedArrays(rows["facts"]) if "facts" in rows.column_names else None

    @property
    def num_rows(self) -> int:
        return len(self._scalars)

    def episode(self, row: int) -> Episode:
        """StoreError: the row does not make an episode."""
        scalars = dict(self._scalars[row])
        shape = scalars.pop("num_decisions"), scalars.pop("action_size")
        # Copies: an episode must not hold its whole row group in memory.
        try:
            facts = {} if self._facts is None else self._facts.row(row)
            return Episode(
                **{**scalars, "source": Source(scalars["source"])},
                actions=self._actions[row].reshape(shape).copy(),
                rewards=self._rewards[row].copy(),
                successes=self._successes[row].copy(),
                observations={name: values.copy() for name, values in self._observations.row(row).items()},
                facts={name: values.copy() for name, values in facts.items()},
            )
        except (EpisodeError, ValueError) as failure:
            raise StoreError(f"{self._key}: episode {scalars['episode_id']}: not an episode: {failure}") from failure


def rows(episodes: Sequence[Episode]) -> pa.Table:
    """One each, in their order."""
    columns: dict[str, Any] = {name: [getattr(episode, name) for episode in episodes] for name in (*SCALARS, *DERIVED)}
    columns["action_size"] = [episode.actions.shape[1] for episode in episodes]
    columns["actions"] = lists([episode.actions for episode in episodes], FLOATS)
    columns["rewards"] = lists([episode.rewards for episode in episodes], FLOATS)
    columns["successes"] = lists([episode.successes for episode in episodes], BOOLS)
    columns["observations"] = named_lists([episode.observations for episode in episodes])
    columns["facts"] = named_lists([episode.facts for episode in episodes])
    return pa.table(columns, schema=SCHEMA)


def summaries(rows: pa.Table) -> list[EpisodeSummary]:
    """Of the columns of SUMMARY."""
    columns: dict[str, list[Any]] = {name: rows[name].to_pylist() for name in SUMMARY}
    columns["source"] = [Source(name) for name in columns["source"]]
    columns["outcome"] = [Outcome(name) for name in columns["outcome"]]
    values = zip(*columns.values(), strict=True)
    return [EpisodeSummary(**dict(zip(SUMMARY, some, strict=True))) for some in values]
