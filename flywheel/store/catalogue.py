"""Labelled episodes block by block; a block is a row group of a file of episodes."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flywheel.core.episode import Episode
from flywheel.core.mixture import Indices
from flywheel.core.outline import Block, DataSize, Outline
from flywheel.core.task import Label
from flywheel.store.episodes import DeltaEpisodes
from flywheel.store.labels import DeltaLabels
from flywheel.store.tables import DataFile

SMALLEST_DECISION_BYTES = 8
"""Of an episode's file, per decision: what bounds the decisions of a file whose table does not know them."""


class DeltaCatalogue:
    """Both tables together. Implements `ports.Catalogue`."""

    def __init__(self, *, episodes: DeltaEpisodes, labels: DeltaLabels) -> None:
        self._episodes, self._labels = episodes, labels

    def size(self, *, episodes_version: int, labels_version: int) -> DataSize:
        episodes = self._episodes.files(version=episodes_version)
        labels = self._labels.files(version=labels_version)
        return DataSize(
            num_episodes=sum(file.num_rows or 0 for file in episodes),
            num_labels=sum(file.num_rows or 0 for file in labels),
            max_decisions=max(map(_max_decisions, episodes), default=0),
        )

    def outlines(self, *, episodes_version: int, labels_version: int) -> Iterator[Outline]:
        for file in self._episodes.files(version=episodes_version):
            if (outline := self._outline_of(file.key, labels_version)) is not None:
                yield outline
            # Arrow would keep what whole columns took, beside the window that is made next.
            pa.default_memory_pool().release_unused()

    def _outline_of(self, key: str, labels_version: int) -> Outline | None:
        """None of a file without episodes."""
        episodes, starts = self._episodes.scalars(key)
        if not episodes.num_rows:
            return None
        ids = episodes["episode_id"].combine_chunks()
        labels = self._labels.scalars([pc.min(ids).as_py(), pc.max(ids).as_py()], version=labels_version)
        return _outline(key, episodes, starts, labels)

    def read(self, block: Block, *, labels_version: int) -> tuple[list[Episode], Mapping[str, Sequence[Label]]]:
        episodes = self._episodes.group(block.key, block.index)
        ids = sorted(episode.episode_id for episode in episodes)
        return episodes, self._labels.of(ids, version=labels_version)


def _max_decisions(file: DataFile) -> int:
    known = file.greatest.get("num_decisions")
    return file.num_bytes // SMALLEST_DECISION_BYTES if known is None else int(known)


def _outline(key: str, episodes: pa.Table, starts: Indices, labels: pa.Table) -> Outline:
    """Joins the labels to their episodes."""
    rows = pc.index_in(labels["episode_id"], value_set=episodes["episode_id"].combine_chunks())
    labels = labels.append_column("row", rows).filter(pc.is_valid(rows))
    labels = labels.take(_newest(labels))
    row = labels["row"].to_numpy().astype(np.int64)
    theirs = episodes.take(row)
    return Outline(
        key=key,
        blocks=np.searchsorted(starts, row, side="right") - 1,
        rows=row,
        episode_ids=theirs["episode_id"].to_pylist(),
        behaviour_policies=theirs["behaviour_policy"].to_pylist(),
        sources=theirs["source"].to_pylist(),
        episode_tasks=theirs["task"].to_pylist(),
        tasks=labels["task"].to_pylist(),
        iterations=theirs["iteration"].to_numpy().astype(np.int64),
        num_decisions=theirs["num_decisions"].to_numpy().astype(np.int64),
        crashed=pc.is_valid(theirs["error"]).to_numpy(),
        successes=labels["success"].to_pylist(),
        lengths=labels["length"].to_numpy().astype(np.int64),
    )


def _newest(labels: pa.Table) -> Indices:
    """The labels that count, one for each episode and task, in their order."""
    tasks = labels["task"].combine_chunks().dictionary_encode()
    names = labels["labeler"].combine_chunks().dictionary_encode()
    labelers = np.argsort(np.argsort(np.array(names.dictionary.to_pylist(), str)))[names.indices.to_numpy()]
    pairs = labels["row"].to_numpy() * max(1, len(tasks.dictionary)) + tasks.indices.to_numpy()
    order = np.lexsort((labelers, labels["labeler_version"].to_numpy(), pairs))
    last = np.append(np.diff(pairs[order]) != 0, True) if len(order) else np.zeros(0, np.bool_)
    return np.sort(order[last])
