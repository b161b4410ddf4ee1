from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel.core.episode import Outcome
from flywheel.core.policy import SuccessRate


def test_the_wilson_interval_of_8_of_10():
    # z = 1.96, z^2 = 3.8415: centre = (0.8 + 3.8415 / 20) / (1 + 3.8415 / 10) = 0.99207 / 1.38415 = 0.71674,
    # half = 1.96 / 1.38415 * sqrt(0.8 * 0.2 / 10 + 3.8415 / 400) = 1.41601 * 0.16001 = 0.22658.
    rate = SuccessRate(successes=8, episodes=10)
    assert rate.rate == 0.8
    assert rate.lower == pytest.approx(0.71674 - 0.22658, abs=2e-5)
    assert rate.upper == pytest.approx(0.71674 + 0.22658, abs=2e-5)


def test_the_interval_of_no_success_starts_at_zero():
    # centre = half = z^2 / (2 (n + z^2)): upper = 3.8415 / (10 + 3.8415) = 0.27754.
    rate = SuccessRate(successes=0, episodes=10)
    assert (rate.rate, rate.lower) == (0.0, 0.0)
    assert rate.upper == pytest.approx(0.27754, abs=1e-5)


def test_the_interval_of_nothing_but_successes_ends_at_one():
    # lower = n / (n + z^2) = 100 / 103.8415 = 0.96301.
    rate = SuccessRate(successes=100, episodes=100)
    assert (rate.rate, rate.upper) == (1.0, 1.0)
    assert rate.lower == pytest.approx(0.96301, abs=1e-5)


def test_nothing_scored_means_nothing_known():
    rate = SuccessRate(successes=0, episodes=0)
    assert (rate.rate, rate.lower, rate.upper) == (None, 0.0, 1.0)


def test_unscored_and_crashed_episodes_do_not_count():
    outcomes = [Outcome.SUCCESS, Outcome.UNSCORED, Outcome.FAILURE, Outcome.ERROR, Outcome.SUCCESS]
    assert SuccessRate.of(outcomes) == SuccessRate(successes=2, episodes=3)


@pytest.mark.parametrize(("successes", "episodes"), [(-1, 5), (6, 5), (1, 0)])
def test_impossible_counts_are_refused(successes, episodes):
    with pytest.raises(ValueError, match=f"{successes} successes of {episodes} episodes"):
        SuccessRate(successes=successes, episodes=episodes)


@given(st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_ends_of_the_interval_are_where_the_score_test_turns(counts):
    # Wilson's ends p solve (rate - p)^2 = z^2 p (1 - p) / n.
    rate = SuccessRate(successes=counts[0], episodes=counts[1])
    for end in (rate.lower, rate.upper):
        assert abs(rate.rate - end) == pytest.approx(1.959964 * sqrt(end * (1 - end) / counts[1]), abs=1e-6)
    assert 0.0 <= rate.lower <= rate.rate <= rate.upper <= 1.0
