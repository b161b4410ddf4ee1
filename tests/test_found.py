import numpy as np
import pytest

from flywheel.core.errors import ConfigError, EpisodeError
from flywheel.exchange.found import Found, Take, floats, taken


def found(**observations):
    return Found(
        origin="file: row 3",
        observations={name: np.asarray(values) for name, values in observations.items()},
        actions=np.zeros((1, 1)),
        rewards=None,
        successes=None,
        terminated=False,
    )


def test_modalities_come_in_the_order_of_the_task():
    both = taken(found(b=[[1], [2]], a=[[3], [4]]), [], ["a", "b"])
    assert list(both) == ["a", "b"]


def test_what_the_task_does_not_have_is_left_out():
    assert list(taken(found(a=[[1], [2]], camera=[[0], [0]]), [], ["a"])) == ["a"]


def test_an_only_observation_is_the_only_modality_whatever_its_name():
    np.testing.assert_array_equal(taken(found(observation=[1, 2]), [], ["a"])["a"], [[1], [2]])


def test_ranges_of_columns_are_taken_by_name():
    takes = [Take.parse("state[0:2]=hand"), Take.parse("state[2:3]=grip"), Take.parse("cube=block")]
    parts = taken(found(state=[[1, 2, 3], [4, 5, 6]], cube=[[7], [8]]), takes, ["hand", "grip", "block"])
    np.testing.assert_array_equal(parts["hand"], [[1, 2], [4, 5]])
    np.testing.assert_array_equal(parts["grip"], [[3], [6]])
    np.testing.assert_array_equal(parts["block"], [[7], [8]])


def test_a_modality_that_is_missing_is_named_with_what_there_is():
    with pytest.raises(EpisodeError, match=r"file: row 3: no observation hand; it has state, cube\. .*--take"):
        taken(found(state=[[1]], cube=[[1]]), [], ["hand"])


def test_a_name_that_is_taken_from_must_be_there():
    with pytest.raises(EpisodeError, match="no observation stat; it has state"):
        taken(found(state=[[1]]), [Take.parse("stat=hand")], ["hand"])


@pytest.mark.parametrize("text", ["state", "=hand", "state=", "state[1]=hand", "a=b=c"])
def test_what_cannot_be_read_as_a_name_and_a_modality_is_refused(text):
    with pytest.raises(ConfigError, match="NAME=MODALITY"):
        Take.parse(text)


def test_a_number_too_large_for_float32_becomes_infinite():
    np.testing.assert_array_equal(floats(np.array([1e300, 0.5])), np.array([np.inf, 0.5], np.float32))
