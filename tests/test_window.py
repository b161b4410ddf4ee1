import numpy as np
import pytest
from builders import make_episode, make_label

from flywheel.core.contract import Body, Modality, unite
from flywheel.core.transition import Transitions
from flywheel.workers.window import RESOLUTION, Window

BODY = Body(modalities={"x": Modality(width=2)}, differences={}, action_size=1, decision_s=0.5)
CONTRACT = unite({"suite/reach": BODY}, history=2)


def block(number, *, num_decisions=3):
    """Its number is in every observation's first place."""
    observations = np.full((num_decisions + 1, 2), number, np.float32)
    observations[:, 1] = np.arange(num_decisions + 1)
    episode = make_episode(num_decisions=num_decisions, observations={"x": observations})
    labels = {episode.episode_id: [make_label(episode)]}
    return Transitions.of([episode], labels, contract=CONTRACT, discount=0.5, num_steps=2)


def window(*blocks, frames=9, transitions=8):
    held = Window(contract=CONTRACT, num_slots=len(blocks), frames=frames, transitions=transitions)
    for slot, some in enumerate(blocks):
        held.fill(slot, some, np.ones(some.num_transitions))
    return held


def drawn(held, size=6000):
    return held.batch(np.random.default_rng(0), size)


def pairs(batch):
    """Of each transition: which block, and the times of what was seen and of what came after."""
    return {
        (*seen, *later[:, 1])
        for seen, later in zip(_flat(batch.observations), batch.next_observations["x"], strict=True)
    }


def _flat(observations):
    return [(some[0, 0], *some[:, 1]) for some in observations["x"]]


def test_every_slot_is_drawn_alike_whatever_it_holds():
    batch = drawn(window(block(1, num_decisions=1), block(2, num_decisions=8)))
    # Standard deviation of a share of 1/2 in 6,000 draws: 0.0065.
    assert np.mean(batch.observations["x"][:, 0, 0] == 1) == pytest.approx(0.5, abs=0.03)


def test_in_a_slot_transitions_are_drawn_by_their_chances():
    held = Window(contract=CONTRACT, num_slots=1, frames=9, transitions=8)
    held.fill(0, block(1, num_decisions=3), np.array([3.0, 0.0, 1.0]))
    times = drawn(held).observations["x"][:, 1, 1]
    assert [np.mean(times == time) for time in range(3)] == pytest.approx([0.75, 0.0, 0.25], abs=0.03)


def test_a_transition_keeps_to_its_own_slot():
    batch = drawn(window(block(1), block(2), block(3)))
    # History of two: before the first observation it is repeated; two decisions later, or at the end.
    expected = {(number, *times) for number in (1, 2, 3) for times in ((0, 0, 1, 2), (0, 1, 2, 3), (1, 2, 2, 3))}
    assert pairs(batch) == expected


def test_what_a_slot_held_before_is_gone():
    held = window(block(1, num_decisions=8), block(2))
    held.fill(0, block(4, num_decisions=2), np.ones(2))
    assert {number for number, *_ in pairs(drawn(held))} == {4, 2}


def test_a_copied_slot_draws_as_one_that_was_filled():
    copied, filled = window(block(1), block(2, num_decisions=7)), window(block(1), block(1))
    copied.copy(0, 1)
    first, second = (drawn(held, 500) for held in (copied, filled))
    assert np.array_equal(first.observations["x"], second.observations["x"])
    assert np.array_equal(first.next_observations["x"], second.next_observations["x"])
    assert np.array_equal(first.returns, second.returns)
    assert np.array_equal(first.unobserved_discounts, second.unobserved_discounts)


def test_chances_are_exact_beside_any_number_of_a_slot():
    assert (2**22 + 1 / RESOLUTION) - 2**22 == 1 / RESOLUTION
