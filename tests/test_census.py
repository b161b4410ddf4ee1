import dataclasses

import numpy as np
import pytest
from factories import random_episode, random_label
from library import Library

from flywheel.core.contract import Body, Modality, unite
from flywheel.core.episode import Source
from flywheel.core.errors import EpisodeError
from flywheel.core.mixture import OUTCOMES, SOURCES, Mixture
from flywheel.core.transition import Transitions
from flywheel.workers.census import Census

BODY = Body(modalities={"tool": Modality(width=3)}, differences={}, action_size=1, decision_s=0.1)
CONTRACT = unite({"suite/reach": BODY, "suite/push": BODY})
MIXTURE = Mixture(sources={"demonstration": 0.25, "collection": 0.25, "relabelled": 0.5}, half_life_iterations=2.0)


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """A file of 70 collected episodes, and one of 10 demonstrations, every second of which is relabelled."""
    library = Library(tmp_path_factory.mktemp("store"))
    library.add([random_episode(number, num_decisions=4, action_size=1) for number in range(70)])
    shown = [
        random_episode(number, action_size=1, episode_id=f"d{number}", source=Source.DEMONSTRATION, iteration=0)
        for number in range(10)
    ]
    labels = [random_label(episode, success=False) for episode in shown]
    labels += [random_label(episode, task="suite/push", rewards=np.ones(2, np.float32)) for episode in shown[::2]]
    library.add(shown, labels=labels)
    return library


def census(library, **choice):
    return Census.of(library.outlines(), contract=CONTRACT, **choice)


def test_blocks_are_counted_in_observations_and_transitions(library):
    counted = census(library)
    sizes = dict(zip(counted.transitions.tolist(), counted.frames.tolist(), strict=True))
    # 10 demonstrations of 5 decisions and 5 labels of 2; blocks of 64 and 6 collected episodes of 4.
    assert sizes == {10 * 5 + 5 * 2: 10 * 6, 64 * 4: 64 * 5, 6 * 4: 6 * 5}


def test_cells_are_those_of_the_transitions_themselves(library):
    counted = census(library).cells
    transitions = Transitions.of(
        library.episodes.read(), library.labels.read(), contract=CONTRACT, discount=0.9, num_steps=2
    )
    exact, _ = transitions.cells()
    for field in dataclasses.fields(exact):
        assert getattr(counted, field.name).tolist() == getattr(exact, field.name).tolist(), field.name


def test_blocks_alike_are_beside_one_another(library):
    counted = census(library)
    assert counted.transitions.tolist() in ([60, 256, 24], [60, 24, 256])


def test_a_block_weighs_what_the_mixture_draws_from_it(library):
    counted = census(library)
    weights = counted.weights(counted.densities(MIXTURE, tasks=CONTRACT.tasks, iteration=1))
    by_size = dict(zip(counted.transitions.tolist(), weights.tolist(), strict=True))
    # Demonstrations and what is relabelled lie in one block: 0.75; the rest is shared by 256 and 24 transitions.
    assert by_size == pytest.approx({60: 0.75, 256: 0.25 * 256 / 280, 24: 0.25 * 24 / 280})


def test_only_what_is_selected_is_counted(library):
    counted = census(library, only_successes=True)
    assert {SOURCES[code] for code in counted.cells.sources} == {"collection", "relabelled"}
    assert {OUTCOMES[code] for code in counted.cells.outcomes} == {"success"}
    # Of the demonstrations only those that are relabelled take up room.
    assert (10, 5 * 6) in zip(counted.transitions.tolist(), counted.frames.tolist(), strict=True)


def test_nothing_to_count_is_refused():
    with pytest.raises(EpisodeError, match="no transitions to train on"):
        Census.of([], contract=CONTRACT)
