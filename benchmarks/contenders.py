"""The formats that are compared: each writes the same episodes and reads them at random in its own way."""

from collections.abc import Mapping, Sequence
from typing import Any

import minari
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from gymnasium.spaces import Box
from gymnasium.spaces import Dict as Spaces
from minari.data_collector import EpisodeBuffer
from numpy.typing import NDArray

from benchmarks import synthetic
from flywheel.core.episode import Episode
from flywheel.core.task import Label
from flywheel.store.catalogue import DeltaCatalogue
from flywheel.store.columns import BOOLS, FLOATS
from flywheel.store.episode_rows import SCALARS
from flywheel.store.episodes import DeltaEpisodes
from flywheel.store.labels import DeltaLabels
from flywheel.store.objects import open_objects
from flywheel.store.tables import COMPRESSION, ROW_GROUP_ROWS
from flywheel.workers.collecting import EPISODES_PER_PART
from flywheel.workers.streaming import DRAWS_PER_TRANSITION, READING_SLOTS, StreamingSampler
from flywheel.workers.window import Window

BATCH_SIZE = 256
WINDOW_BLOCKS = 16
"""Of 64 episodes, in our sampler's window."""
EPISODES_PER_READ = 64
"""What the others read before they draw from it: as much as one of our blocks."""

Arrays = Mapping[str, NDArray[Any]]


class Flywheel:
    """The store, as collectors write it, as the report reads it, and as training draws from it."""

    def __init__(self, store: str) -> None:
        objects = open_objects(store)
        self._episodes, self._labels = DeltaEpisodes(objects=objects), DeltaLabels(objects=objects)
        self._ids: list[str] = []
        self._labelled: list[Label] = []
        self._version = 0
        self._sampler: StreamingSampler | None = None

    def write(self, made: Sequence[Episode]) -> None:
        firsts = range(0, len(made), EPISODES_PER_PART)
        parts = [self._episodes.write(made[first : first + EPISODES_PER_PART]) for first in firsts]
        self._version = self._episodes.commit(parts, transaction="all")
        self._ids = [episode.episode_id for episode in made]
        self._labelled = [_label(episode) for episode in made]

    def read(self, numbers: Sequence[int]) -> int:
        chosen = [self._ids[number] for number in numbers]
        return sum(episode.num_decisions for episode in self._episodes.read(version=self._version, episode_ids=chosen))

    def batch(self, number: int) -> int:
        if self._sampler is None:
            self._sampler = self._sampling()
        return len(self._sampler.batch(number).tasks)

    def _sampling(self) -> StreamingSampler:
        longest = synthetic.LENGTHS[1]
        slot = Window.slot_bytes(
            synthetic.contract(),
            frames=EPISODES_PER_PART * (longest + 1),
            transitions=EPISODES_PER_PART * longest,
        )
        return StreamingSampler(
            catalogue=DeltaCatalogue(episodes=self._episodes, labels=self._labels),
            episodes_version=self._version,
            labels_version=self._labels.commit([self._labels.write(self._labelled)], transaction="all"),
            contract=synthetic.contract(),
            discount=0.97,
            num_steps=1,
            mixture=synthetic.MIXTURE,
            iteration=0,
            seed=0,
            batch_size=BATCH_SIZE,
            memory_bytes=(WINDOW_BLOCKS + READING_SLOTS) * slot,
        )


class Minari:
    """A Minari dataset; batches are drawn from episodes that it sampled."""

    def __init__(self, data_format: str) -> None:
        self._format = data_format
        self._drawn = _Drawn(self._sampled)

    def write(self, made: Sequence[Episode]) -> None:
        widths = synthetic.MODALITIES
        buffers = [
            EpisodeBuffer(
                id=number,
                seed=episode.seed,
                observations=dict(episode.observations),
                actions=episode.actions,
                rewards=episode.rewards.tolist(),
                terminations=_at_end(episode.num_decisions, episode.terminated),
                truncations=_at_end(episode.num_decisions, episode.truncated),
            )
            for number, episode in enumerate(made)
        ]
        self._dataset = minari.create_dataset_from_buffers(
            dataset_id=f"flywheel/{self._format}-v0",
            buffer=buffers,
            observation_space=Spaces({name: Box(-1, 1, (width,), np.float32) for name, width in widths.items()}),
            action_space=Box(-1, 1, (synthetic.ACTION_SIZE,), np.float32),
            data_format=self._format,
        )
        self._dataset.set_seed(0)

    def read(self, numbers: Sequence[int]) -> int:
        return sum(len(episode.rewards) for episode in self._dataset.iterate_episodes(numbers))

    def batch(self, number: int) -> int:
        return self._drawn.batch(number)

    def _sampled(self) -> list[Arrays]:
        return [
            {**episode.observations, "actions": episode.actions, "rewards": episode.rewards}
            for episode in self._dataset.sample_episodes(EPISODES_PER_READ)
        ]


class Plain:
    """The same values, row groups and compression in one Parquet file, with no more than pyarrow and numpy.

    A limit: a column for each array, whose width is known beforehand, and episodes that nobody looks up or checks.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._drawn = _Drawn(self._sampled)
        self._rng = np.random.default_rng(0)

    def write(self, made: Sequence[Episode]) -> None:
        columns: dict[str, Any] = {name: [getattr(episode, name) for episode in made] for name in SCALARS}
        columns |= {name: _lists([getattr(episode, name) for episode in made]) for name in ("actions", "rewards")}
        columns["successes"] = _lists([episode.successes for episode in made], BOOLS)
        columns |= {name: _lists([episode.observations[name] for episode in made]) for name in synthetic.MODALITIES}
        rows = pa.table(columns)
        pq.write_table(
            rows,
            self._path,
            row_group_size=ROW_GROUP_ROWS,
            compression=COMPRESSION,
            # Of numbers that hardly repeat, pyarrow's default would make the file larger and slower to read.
            use_dictionary=[field.name for field in rows.schema if pa.types.is_string(field.type)],
        )
        self._file = pq.ParquetFile(self._path)
        self._widths = {**synthetic.MODALITIES, "actions": synthetic.ACTION_SIZE}

    def read(self, numbers: Sequence[int]) -> int:
        wanted: dict[int, list[int]] = {}
        for number in numbers:
            wanted.setdefault(number // ROW_GROUP_ROWS, []).append(number % ROW_GROUP_ROWS)
        whole = ("actions", "rewards", "successes", *synthetic.MODALITIES)
        return sum(
            len(episode["rewards"])
            for group, rows in wanted.items()
            for episode in self._episodes(group, rows, scalars=SCALARS, arrays=whole)
        )

    def batch(self, number: int) -> int:
        return self._drawn.batch(number)

    def _sampled(self) -> list[dict[str, Any]]:
        """Only what a batch is made of."""
        group = int(self._rng.integers(self._file.num_row_groups))
        rows = range(self._file.metadata.row_group(group).num_rows)
        return self._episodes(group, rows, arrays=("actions", "rewards", *synthetic.MODALITIES))

    def _episodes(
        self, group: int, rows: Sequence[int], *, scalars: Sequence[str] = (), arrays: Sequence[str]
    ) -> list[dict[str, Any]]:
        """Copies, so that an episode does not hold its row group."""
        read = self._file.read_row_group(group, columns=[*scalars, *arrays], use_threads=False)
        values = list(zip(*(read[name].to_pylist() for name in scalars), strict=True))
        columns = {name: read[name].combine_chunks() for name in arrays}
        flat = {name: column.values.to_numpy(zero_copy_only=False) for name, column in columns.items()}
        offsets = {name: column.offsets.to_numpy() for name, column in columns.items()}
        made: list[dict[str, Any]] = [
            {
                name: some[offsets[name][row] : offsets[name][row + 1]].reshape(-1, self._widths.get(name, 1)).copy()
                for name, some in flat.items()
            }
            for row in rows
        ]
        if scalars:
            for row, episode in zip(rows, made, strict=True):
                episode.update(zip(scalars, values[row], strict=True))
        return made


class _Drawn:
    """Batches from episodes that were read together; new ones once each transition was drawn as often as ours."""

    def __init__(self, read: Any) -> None:
        self._read, self._rng = read, np.random.default_rng(0)
        self._left = 0

    def batch(self, number: int) -> int:
        if self._left <= 0:
            self._hold(self._read())
            self._left = max(1, round(DRAWS_PER_TRANSITION * len(self._starts) / BATCH_SIZE))
        self._left -= 1
        step = self._rng.integers(0, len(self._starts), BATCH_SIZE)
        frame = self._starts[step]
        later = frame + 1
        batch = {
            name: (values.take(frame, axis=0), values.take(later, axis=0)) for name, values in self._frames.items()
        }
        batch["step"] = self._actions.take(step, axis=0), self._rewards[step]
        return len(batch["step"][0])

    def _hold(self, episodes: Sequence[Arrays]) -> None:
        self._frames = {name: np.concatenate([episode[name] for episode in episodes]) for name in synthetic.MODALITIES}
        self._actions = np.concatenate([episode["actions"] for episode in episodes])
        self._rewards = np.concatenate([episode["rewards"] for episode in episodes])
        counts = np.array([len(episode["actions"]) for episode in episodes])
        self._starts = np.arange(counts.sum()) + np.repeat(np.arange(len(counts)), counts)


def _label(episode: Episode) -> Label:
    return Label(
        episode_id=episode.episode_id,
        task=episode.task,
        labeler="made",
        labeler_version=1,
        rewards=episode.rewards,
        terminated=episode.terminated,
        success=bool(episode.successes.any()),
    )


def _at_end(length: int, ended: bool) -> list[bool]:
    return [False] * (length - 1) + [ended]


def _lists(arrays: Sequence[NDArray[Any]], kind: pa.DataType = FLOATS) -> pa.Array:
    flat = [array.ravel() for array in arrays]
    offsets = np.concatenate([[0], np.cumsum([len(array) for array in flat])]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(np.concatenate(flat), kind.value_type), type=kind)
