"""Selection: which episodes and labels training uses, whether they are in memory or only outlined."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from flywheel.core.episode import Episode, Source
from flywheel.core.exclusion import Exclusion
from flywheel.core.outline import Outline

NOTHING = Exclusion()


def trainable(episodes: Iterable[Episode], excluded: Exclusion = NOTHING) -> Iterable[Episode]:
    """All but those of final evaluations, which stay unseen, and those that are recalled."""
    return (
        episode
        for episode in episodes
        if episode.source is not Source.FINAL and not excluded.excludes(episode.episode_id, episode.behaviour_policy)
    )


def selected(outline: Outline, *, only_successes: bool = False, excluded: Exclusion = NOTHING) -> NDArray[np.bool_]:
    """[N]: the labels that `trainable` and `Transitions.of` would use."""
    sources = np.array([source != Source.FINAL for source in outline.sources], np.bool_)
    kept = sources & ~outline.crashed & (outline.lengths > 0)
    if only_successes:
        kept &= np.array([success is True for success in outline.successes], np.bool_)
    if excluded != NOTHING:
        names = zip(outline.episode_ids, outline.behaviour_policies, strict=True)
        kept &= np.array([not excluded.excludes(*name) for name in names], np.bool_)
    return kept
