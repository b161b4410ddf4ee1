"""Episodes as rows: the columns of the table, and both ways between rows and episodes."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from flywheel.core.episode import Episode, EpisodeSummary, Outcome, Source
from flywheel.core.errors import EpisodeError, StoreError
from flywheel.store.columns import BOOLS, FLOATS, NAMED, Arrays, NamedArrays, lists, named_lists

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
SIZES = ("num_decisions", "action_size")
ARRAYS = ("actions", "rewards", "successes", "observations")
TRAINING = (*SCALARS, *SIZES, *ARRAYS)
"""What an episode without its facts is read from."""
WHOLE = (*TRAINING, "facts")
"""What a whole episode is read from."""
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
    """Rows that were read together; an episode is made when it is asked for."""

    def __init__(self, rows: pa.Table, *, key: str) -> None:
        self._key = key
        self._scalars = list(zip(*(rows[name].to_pylist() for name in (*SCALARS, *SIZES)), strict=True))
        self._actions, self._rewards, self._successes = (
            Arrays(rows[name]) for name in ("actions", "rewards", "successes")
        )
        self._observations = NamedArrays(rows["observations"])
        self._facts = NamedArrays(rows["facts"]) if "facts" in rows.column_names else None
        self._finite = (
            self._actions.finite
            and self._rewards.finite
            and self._observations.finite
            and (self._facts is None or self._facts.finite)
        )

    @property
    def num_rows(self) -> int:
        return len(self._scalars)

    def episode(self, row: int, *, episode_id: str | None = None) -> Episode:
        """It does not hold the others in memory. StoreError: the row does not make an episode, or not the one meant."""
        if episode_id is not None and (row >= self.num_rows or self._scalars[row][0] != episode_id):
            raise StoreError(f"{self._key}: damaged: episode {episode_id} is not where it was")
        *known, num_decisions, action_size = self._scalars[row]
        scalars = dict(zip(SCALARS, known, strict=True))
        try:
            scalars["source"] = Source(scalars["source"])
            return Episode(
                **scalars,
                actions=self._actions.row(row).reshape(num_decisions, action_size).copy(),
                rewards=self._rewards.row(row).copy(),
                successes=self._successes.row(row).copy(),
                observations=self._observations.row(row),
                facts={} if self._facts is None else self._facts.row(row),
                finite=self._finite,
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
