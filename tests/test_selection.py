import numpy as np
import pytest
from factories import random_episode

from flywheel.core.episode import Source
from flywheel.core.exclusion import Exclusion
from flywheel.core.outline import Outline
from flywheel.workers.selection import selected, trainable


def outline(**changes):
    """Four labels: a final assessment's, a crashed episode's, a failure and a success."""
    values = {
        "key": "episodes/part",
        "blocks": np.zeros(4, np.int64),
        "rows": np.arange(4),
        "episode_ids": ["final", "crashed", "failed", "succeeded"],
        "behaviour_policies": ["p0", "p0", "p0", "p1"],
        "sources": ["final", "collection", "collection", "evaluation"],
        "episode_tasks": ["a"] * 4,
        "tasks": ["a"] * 4,
        "iterations": np.zeros(4, np.int64),
        "num_decisions": np.full(4, 5),
        "crashed": np.array([False, True, False, False]),
        "successes": [True, True, False, True],
        "lengths": np.full(4, 5),
    }
    return Outline(**(values | changes))


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({}, ["failed", "succeeded"]),
        ({"only_successes": True}, ["succeeded"]),
        ({"excluded": Exclusion(policies=frozenset({"p1"}))}, ["failed"]),
        ({"excluded": Exclusion(episodes=frozenset({"failed"}))}, ["succeeded"]),
    ],
)
def test_labels_are_selected_by_what_is_said_of_their_episodes(choice, expected):
    some = outline()
    assert [some.episode_ids[row] for row in np.flatnonzero(selected(some, **choice))] == expected


def test_a_label_without_rewards_trains_nothing():
    assert selected(outline(lengths=np.array([5, 5, 0, 5]))).tolist() == [False, False, False, True]


def test_everything_but_final_evaluations_is_trained_on():
    episodes = [random_episode(seed, source=source) for seed, source in enumerate(Source)]
    assert {episode.source for episode in trainable(episodes)} == set(Source) - {Source.FINAL}


def test_recalled_episodes_are_left_out():
    episodes = [random_episode(seed, episode_id=f"e{seed}", behaviour_policy=f"p{seed}") for seed in range(3)]
    recalled = Exclusion(policies=frozenset({"p0"}), episodes=frozenset({"e2"}))
    assert [episode.episode_id for episode in trainable(episodes, recalled)] == ["e1"]
