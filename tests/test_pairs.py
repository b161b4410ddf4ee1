from dataclasses import replace

import pytest
from builders import make_episode
from fakes import _summary

from flywheel.core.episode import Outcome
from flywheel.core.pairs import Improvement, Pair, compared, counted

SUMMARY = _summary(make_episode())
SUCCESS, FAILURE, ERROR, UNSCORED = Outcome.SUCCESS, Outcome.FAILURE, Outcome.ERROR, Outcome.UNSCORED


def ended(outcome, time_s=None):
    return replace(SUMMARY, outcome=outcome, time_to_success_s=time_s)


@pytest.mark.parametrize(
    ("candidate", "other", "pair"),
    [
        (SUCCESS, FAILURE, Pair.WIN),
        (FAILURE, SUCCESS, Pair.LOSS),
        (FAILURE, FAILURE, Pair.NEITHER),
        # A crash is a failure of whoever acted.
        (SUCCESS, ERROR, Pair.WIN),
        (ERROR, SUCCESS, Pair.LOSS),
        (ERROR, ERROR, Pair.NEITHER),
        # What nobody scored is taken at its worst for the candidate.
        (UNSCORED, SUCCESS, Pair.UNKNOWN),
        (FAILURE, UNSCORED, Pair.UNKNOWN),
        (ERROR, UNSCORED, Pair.UNKNOWN),
        (UNSCORED, UNSCORED, Pair.UNKNOWN),
        (UNSCORED, FAILURE, Pair.NEITHER),
        (SUCCESS, UNSCORED, Pair.SLOWER),
    ],
)
def test_how_two_episodes_compare(candidate, other, pair):
    assert compared(ended(candidate, 1.0 if candidate is SUCCESS else None), ended(other, None)) is pair


@pytest.mark.parametrize(
    ("ours_s", "theirs_s", "pair"),
    [(0.94, 1.0, Pair.FASTER), (0.95, 1.0, Pair.BOTH), (1.0, 0.95, Pair.BOTH), (1.0, 0.94, Pair.SLOWER)],
)
def test_of_two_successes_the_sooner_is_faster_by_more_than_a_twentieth(ours_s, theirs_s, pair):
    assert compared(ended(SUCCESS, ours_s), ended(SUCCESS, theirs_s)) is pair


def test_what_counts_depends_on_what_shall_be_better():
    letters = "WWLUFFFSBN"
    assert counted(letters) == (2, 2)
    assert counted(letters, Improvement.TIME) == (5, 3)
