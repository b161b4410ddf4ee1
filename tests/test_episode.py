from dataclasses import replace

import numpy as np
import pytest
from builders import make_episode

from flywheel.core.episode import EpisodeRequest, Outcome, Source
from flywheel.core.errors import EpisodeError


def request(**changes):
    values = {"task": "gym/Some-v0", "seed": 3, "iteration": 2, "source": Source.COLLECTION, "policy_id": "p0001"}
    return EpisodeRequest(**(values | changes))


def test_an_episode_id_is_derived_from_what_is_asked_for():
    assert request().episode_id == "0002-collection-p0001-gym.Some-v0-3"
    assert request(policy_id=None).episode_id == "0002-collection-demonstrator-gym.Some-v0-3"


@pytest.mark.parametrize(
    "change",
    [{"task": "gym/Other-v0"}, {"seed": 4}, {"iteration": 3}, {"source": Source.EVALUATION}, {"policy_id": "p0002"}],
)
def test_requests_that_differ_have_different_ids(change):
    assert request(**change).episode_id != request().episode_id


def test_a_sound_episode_knows_its_length():
    assert make_episode(num_decisions=4).num_decisions == 4


@pytest.mark.parametrize(
    ("changes", "array"),
    [
        ({"actions": np.zeros(3, np.float32)}, "actions"),
        ({"rewards": np.zeros(2, np.float32)}, "rewards"),
        ({"rewards": np.zeros((3, 1), np.float32)}, "rewards"),
        ({"successes": np.zeros(4, np.bool_)}, "successes"),
        ({"observations": {"x": np.zeros((3, 2), np.float32)}}, "observations.x"),
        ({"facts": {"goal": np.zeros((3, 2), np.float32)}}, "facts.goal"),
        ({"facts": {"goal": np.zeros((4, 1, 2), np.float32)}}, "facts.goal"),
    ],
)
def test_a_wrong_shape_is_refused_by_name(changes, array):
    with pytest.raises(EpisodeError, match=rf"demonstrator-suite.reach-7: {array}: shape"):
        make_episode(**changes)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    ("array", "shape"), [("actions", (3, 1)), ("rewards", (3,)), ("observations", (4, 2)), ("facts", (3, 1, 2))]
)
def test_a_value_that_is_no_number_is_refused_by_name(array, shape, value):
    values = np.zeros(shape, np.float32)
    values.flat[-1] = value
    named = {"some": values} if array in ("observations", "facts") else values
    with pytest.raises(EpisodeError, match=rf"{array}.*NaN or infinite"):
        make_episode(**{array: named})


def test_whoever_knows_the_numbers_to_be_finite_has_only_the_shapes_checked():
    made = make_episode(rewards=np.full(3, np.nan, np.float32), finite=True)
    assert np.isnan(made.rewards).all()
    with pytest.raises(EpisodeError, match="rewards: shape"):
        make_episode(rewards=np.zeros(2, np.float32), finite=True)
    with pytest.raises(EpisodeError, match="rewards.*NaN or infinite"):
        replace(made)


def test_an_episode_without_decisions_is_refused_unless_it_crashed():
    with pytest.raises(EpisodeError, match="at least one decision"):
        make_episode(num_decisions=0)
    crashed = make_episode(num_decisions=0, error="RuntimeError: no", truncated=False)
    assert crashed.outcome is Outcome.ERROR


def test_an_episode_does_not_end_twice():
    with pytest.raises(EpisodeError, match="terminated or truncated, not both"):
        make_episode(terminated=True, truncated=True)


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"successes": np.array([False, True, False])}, Outcome.SUCCESS),
        ({}, Outcome.FAILURE),
        ({"scored": False, "successes": np.array([False, True, False])}, Outcome.UNSCORED),
        ({"error": "it broke", "successes": np.array([False, True, False])}, Outcome.ERROR),
    ],
)
def test_the_outcome_keeps_unknown_and_crashed_apart_from_failure(changes, outcome):
    assert make_episode(**changes).outcome is outcome


def test_time_to_success_counts_decisions_up_to_the_first_success():
    # The second decision succeeds: 2 decisions of 0.5 s.
    assert make_episode(successes=np.array([False, True, True])).time_to_success_s == 1.0
    assert make_episode(successes=np.array([True, False, False])).time_to_success_s == 0.5


@pytest.mark.parametrize("changes", [{}, {"scored": False, "successes": np.ones(3, np.bool_)}])
def test_there_is_no_time_to_success_without_a_known_success(changes):
    assert make_episode(**changes).time_to_success_s is None
