"""Census: what data there is and in which block, counted without reading its arrays."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from flywheel.core.contract import Contract
from flywheel.core.episode import Source
from flywheel.core.errors import EpisodeError
from flywheel.core.exclusion import Exclusion
from flywheel.core.mixture import Cells, Indices, Mixture, Shares, densities
from flywheel.core.outline import Block, Outline
from flywheel.core.transition import outcome_code, source_code
from flywheel.workers.selection import NOTHING, selected


@dataclass(frozen=True, kw_only=True)
class Census:
    """N blocks, those alike beside one another; an entry per block and kind of transition in it [M]."""

    blocks: tuple[Block, ...]
    frames: Indices
    """[N]: observations of the block's episodes."""
    transitions: Indices
    """[N]"""
    cells: Cells
    """Of all blocks together."""
    block: Indices
    """[M]: which block."""
    cell: Indices
    """[M]: which cell."""
    counts: Indices
    """[M]: the block's transitions in the cell."""

    @classmethod
    def of(
        cls,
        outlines: Iterable[Outline],
        *,
        contract: Contract,
        only_successes: bool = False,
        excluded: Exclusion = NOTHING,
    ) -> "Census":
        """EpisodeError: there is nothing to train on."""
        parts = [
            part
            for outline in outlines
            if (
                part := _counted(outline, selected(outline, only_successes=only_successes, excluded=excluded), contract)
            )
        ]
        if not parts:
            raise EpisodeError("no transitions to train on: no episode has a label that is asked for")
        blocks = [block for part in parts for block in part.blocks]
        offsets = np.cumsum([0, *(len(part.blocks) for part in parts)])
        kinds = np.concatenate([part.kinds for part in parts], axis=1)
        counts = np.concatenate([part.counts for part in parts])
        block = np.concatenate([part.block + offset for part, offset in zip(parts, offsets, strict=False)])
        # Drawn at even distances from blocks in this order, a window holds each kind of data in its share.
        first = np.flatnonzero(np.diff(block, prepend=-1))
        order = np.lexsort((kinds[1][first], kinds[3][first], kinds[0][first]))
        place = np.argsort(order)
        cells, cell = Cells.of(sources=kinds[0], tasks=kinds[1], outcomes=kinds[2], iterations=kinds[3], counts=counts)
        return cls(
            blocks=tuple(blocks[index] for index in order),
            frames=np.concatenate([part.frames for part in parts])[order],
            transitions=np.bincount(block, weights=counts).astype(np.int64)[order],
            cells=cells,
            block=place[block],
            cell=cell,
            counts=counts,
        )

    def densities(self, mixture: Mixture, *, tasks: tuple[str, ...], iteration: int) -> Shares:
        """As `mixture.densities` of the cells."""
        return densities(mixture, self.cells, tasks=tasks, iteration=iteration)

    def weights(self, chances: Shares) -> Shares:
        """[N]: the probability that a draw falls into each block. `chances` are the cells' densities."""
        drawn = chances[self.cell] * self.counts
        return np.bincount(self.block, weights=drawn, minlength=len(self.blocks)).astype(np.float64)


@dataclass(frozen=True, kw_only=True)
class _Counted:
    """The blocks of one file that training uses something of."""

    blocks: tuple[Block, ...]
    frames: Indices
    block: Indices
    """[M], sorted."""
    kinds: Indices
    """[4, M]: source, task, outcome, iteration."""
    counts: Indices


def _counted(outline: Outline, kept: np.ndarray[tuple[int], np.dtype[np.bool_]], contract: Contract) -> _Counted | None:
    if not kept.any():
        return None
    used = np.flatnonzero(kept)
    tasks = {task: index for index, task in enumerate(contract.tasks)}
    rows = np.stack(
        [
            outline.blocks[used],
            [
                source_code(Source(outline.sources[row]), own=outline.tasks[row] == outline.episode_tasks[row])
                for row in used.tolist()
            ],
            [tasks[outline.tasks[row]] for row in used.tolist()],
            [outcome_code(outline.successes[row]) for row in used.tolist()],
            outline.iterations[used],
        ]
    )
    kinds, kind = np.unique(rows, axis=1, return_inverse=True)
    indices, block = np.unique(kinds[0], return_inverse=True)
    _, once = np.unique(outline.rows[used], return_index=True)
    frames = np.bincount(
        np.searchsorted(indices, outline.blocks[used][once]), weights=outline.num_decisions[used][once] + 1
    )
    return _Counted(
        blocks=tuple(Block(key=outline.key, index=index) for index in indices.tolist()),
        frames=frames.astype(np.int64),
        block=block,
        kinds=kinds[1:],
        counts=np.bincount(kind, weights=outline.lengths[used]).astype(np.int64),
    )
