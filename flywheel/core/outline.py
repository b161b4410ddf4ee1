"""What labelled episodes are, without their arrays: enough to choose what to read."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class DataSize:
    """Of two pinned versions, from the tables' logs alone."""

    num_episodes: int
    num_labels: int
    max_decisions: int
    """No episode has more."""


@dataclass(frozen=True, kw_only=True, order=True)
class Block:
    """Episodes of one file that are read together."""

    key: str
    index: int


@dataclass(frozen=True, kw_only=True)
class Outline:
    """The labels of one file's episodes without their arrays: an entry per episode and task, all [N]."""

    key: str
    blocks: NDArray[np.int64]
    """Index of the block that the episode is in."""
    rows: NDArray[np.int64]
    """Its place in the file."""
    episode_ids: Sequence[str]
    behaviour_policies: Sequence[str]
    sources: Sequence[str]
    episode_tasks: Sequence[str]
    """What the episode was made for."""
    tasks: Sequence[str]
    """Under which it was labelled."""
    iterations: NDArray[np.int64]
    num_decisions: NDArray[np.int64]
    crashed: NDArray[np.bool_]
    successes: Sequence[bool | None]
    lengths: NDArray[np.int64]
    """T' of each label."""
