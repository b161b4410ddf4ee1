"""Streaming: batches by a mixture from more data than fits in memory.

A window holds some blocks of the data. Which ones, and which transitions of them make a batch, are functions of the
seed, the batch's number and the worker's rank. A block is in the window as often as the mixture draws from it, and a
block's transitions are drawn in proportion to their chances: so every transition of all the data is, over the windows,
exactly as likely as if everything were in memory.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from flywheel.core.contract import Contract
from flywheel.core.episode import Episode
from flywheel.core.errors import ConfigError
from flywheel.core.exclusion import Exclusion
from flywheel.core.mixture import Indices, Mixture, Shares, effective_shares
from flywheel.core.outline import Block
from flywheel.core.task import Label
from flywheel.core.transition import TransitionBatch, Transitions
from flywheel.ports import Catalogue
from flywheel.workers.census import Census
from flywheel.workers.selection import NOTHING, trainable
from flywheel.workers.window import Window

DRAWS_PER_TRANSITION = 2
"""About how often a transition is drawn while its block is in the window: less reading against fresher data."""
MIN_SLOTS = 8
"""Blocks that are shuffled together at least."""
READING_SLOTS = 12
"""What reading a block takes beside the window, as so many slots: its file's columns, episodes, labels, arrays."""
READING_SHARE, MAX_READING_BYTES = 1 / 2, 32 * 2**20
"""Of the memory that is kept for reading, at least up to so much: it holds files' footers and the census too."""
MAX_STATISTICS_BLOCKS = 64
"""Blocks that the observations' mean and spread are taken from."""
WINDOW_STREAM = 1
"""Fourth word of the window's seeds; those of batches have three."""


class Schedule:
    """Which block is in which slot. After each refresh one slot, taking turns, holds another block."""

    def __init__(self, *, weights: Shares, num_slots: int, seed: int, rank: int) -> None:
        """`weights` [N]: how likely each block is."""
        chances = np.cumsum(weights)
        self._chances = chances / chances[-1]
        self._num_slots, self._seed, self._rank = num_slots, seed, rank
        self._rounds: dict[int, Indices] = {}

    def blocks(self, refreshes: int) -> Indices:
        """[slots], after so many refreshes."""
        slots = np.arange(self._num_slots)
        rounds = (refreshes - slots - 1 + self._num_slots) // self._num_slots
        held = np.empty(self._num_slots, np.int64)
        for number in np.unique(rounds).tolist():
            mine = rounds == number
            held[mine] = self._round(number)[mine]
        self._rounds = {number: drawn for number, drawn in self._rounds.items() if number >= rounds.min()}
        return held

    def _round(self, number: int) -> Indices:
        """A block for each slot: at even distances along the weights, so that few slots hold each kind in its share."""
        if number not in self._rounds:
            rng = np.random.default_rng((self._seed, number, self._rank, WINDOW_STREAM))
            points = (rng.random() + np.arange(self._num_slots)) / self._num_slots
            drawn = np.searchsorted(self._chances, points, side="right").clip(max=len(self._chances) - 1)
            self._rounds[number] = rng.permutation(drawn)
        return self._rounds[number]


class StreamingSampler:
    """Implements `core.sampling.Sampler` within `memory_bytes`."""

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        episodes_version: int,
        labels_version: int,
        contract: Contract,
        discount: float,
        num_steps: int,
        mixture: Mixture,
        iteration: int,
        seed: int,
        batch_size: int,
        memory_bytes: int,
        rank: int = 0,
        only_successes: bool = False,
        excluded: Exclusion = NOTHING,
    ) -> None:
        """`iteration`: the one that trains, for ages. ConfigError: the memory is too small for these episodes."""
        self._catalogue, self._labels_version, self._contract = catalogue, labels_version, contract
        self._discount, self._num_steps, self._only_successes = discount, num_steps, only_successes
        self._excluded, self._seed, self._rank, self._batch_size = excluded, seed, rank, batch_size
        outlines = catalogue.outlines(episodes_version=episodes_version, labels_version=labels_version)
        census = Census.of(outlines, contract=contract, only_successes=only_successes, excluded=excluded)
        chances = census.densities(mixture, tasks=contract.tasks, iteration=iteration)
        self.shares: Mapping[str, Any] = effective_shares(
            census.cells, chances, tasks=contract.tasks, iteration=iteration
        )
        self._blocks, self._weights = census.blocks, census.weights(chances)
        self._chances = _by_kind(census, chances)
        self._slot = {"frames": int(census.frames.max()), "transitions": int(census.transitions.max())}
        self.num_slots = min(_num_slots(memory_bytes, Window.slot_bytes(contract, **self._slot)), len(self._blocks))
        mean = float(census.transitions @ self._weights)
        self.refresh_every = max(1, round(DRAWS_PER_TRANSITION * mean / batch_size))
        """Batches between two refreshes."""
        self._schedule = self._scheduled(rank)
        self._window: Window | None = None
        self._refreshes = -1
        self._held = np.full(self.num_slots, -1, np.int64)

    @property
    def window_bytes(self) -> int:
        """Memory of the window."""
        return self.num_slots * Window.slot_bytes(self._contract, **self._slot)

    def statistics(self) -> Transitions:
        """The first blocks of the first worker's window."""
        drawn = self._scheduled(0).blocks(0)
        chosen = np.unique(drawn[: max(1, min(MAX_STATISTICS_BLOCKS, self.num_slots // 4))])
        read = [self._catalogue.read(self._blocks[index], labels_version=self._labels_version) for index in chosen]
        episodes = [episode for some, _ in read for episode in some]
        labels = {episode_id: some for _, found in read for episode_id, some in found.items()}
        return self._transitions(episodes, labels)

    def batch(self, number: int) -> TransitionBatch:
        window = self._refreshed(number // self.refresh_every)
        return window.batch(np.random.default_rng((self._seed, number, self._rank)), self._batch_size)

    def _scheduled(self, rank: int) -> Schedule:
        return Schedule(weights=self._weights, num_slots=self.num_slots, seed=self._seed, rank=rank)

    def _refreshed(self, refreshes: int) -> Window:
        if self._window is not None and refreshes == self._refreshes:
            return self._window
        if self._window is None:
            self._window = Window(contract=self._contract, num_slots=self.num_slots, **self._slot)
        wanted = self._schedule.blocks(refreshes)
        for slot in np.flatnonzero(wanted != self._held).tolist():
            # Of a block that is there already, a copy; slots that are still to change may hold it for a while yet.
            held = np.flatnonzero(self._held == wanted[slot])
            if len(held):
                self._window.copy(int(held[0]), slot)
            else:
                self._window.fill(slot, *self._read(self._blocks[wanted[slot]]))
            self._held[slot] = wanted[slot]
        self._refreshes = refreshes
        return self._window

    def _read(self, block: Block) -> tuple[Transitions, Shares]:
        """A block's transitions and their chances."""
        episodes, labels = self._catalogue.read(block, labels_version=self._labels_version)
        transitions = self._transitions(episodes, labels)
        cells, cell = transitions.cells()
        kinds = zip(cells.sources, cells.tasks, cells.outcomes, cells.iterations, strict=True)
        return transitions, np.array([self._chances[kind] for kind in kinds])[cell]

    def _transitions(self, episodes: Iterable[Episode], labels: Mapping[str, Sequence[Label]]) -> Transitions:
        return Transitions.of(
            trainable(episodes, self._excluded),
            labels,
            contract=self._contract,
            discount=self._discount,
            num_steps=self._num_steps,
            only_successes=self._only_successes,
        )


def _by_kind(census: Census, chances: Shares) -> dict[tuple[int, int, int, int], float]:
    cells = census.cells
    kinds = zip(
        cells.sources.tolist(), cells.tasks.tolist(), cells.outcomes.tolist(), cells.iterations.tolist(), strict=True
    )
    return dict(zip(kinds, chances.tolist(), strict=True))


def _num_slots(memory_bytes: int, slot_bytes: int) -> int:
    reading = max(READING_SLOTS * slot_bytes, min(int(READING_SHARE * memory_bytes), MAX_READING_BYTES))
    count = (memory_bytes - reading) // slot_bytes
    if count < MIN_SLOTS:
        needed = (MIN_SLOTS + READING_SLOTS) * slot_bytes
        raise ConfigError(
            f"train.memory_bytes: {memory_bytes} is too small to stream these episodes: they need {needed} at least"
        )
    return count
