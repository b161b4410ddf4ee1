import pytest

from flywheel.cli.exits import WORDS, Exit, of_campaign, of_error, of_state
from flywheel.client import CampaignState, Goal, IterationState
from flywheel.core.errors import (
    ApiAccessError,
    ApiBusyError,
    ApiConflictError,
    ApiError,
    ConfigError,
    FlywheelError,
    StoreUnavailableError,
    UnreachableError,
    WaitTimeoutError,
)


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (ConfigError("x"), 2),
        (StoreUnavailableError("x"), 2),
        (FlywheelError("x"), 2),
        (ApiAccessError("x", status=401, title="Unauthorized"), 2),
        (ApiConflictError("x", status=409, title="Conflict"), 2),
        (ApiError("x", status=412, title="Precondition Failed"), 2),
        (ApiBusyError("x", status=429, title="Too Many Requests"), 5),
        (ApiBusyError("x", status=503, title="Service Unavailable"), 5),
        (UnreachableError("x"), 5),
        (ApiError("x", status=500, title="Internal Server Error"), 1),
        (ApiError("x", status=200, title="OK"), 1),
        (WaitTimeoutError("x"), 1),
    ],
)
def test_an_error_ends_a_command_by_its_kind(failure, expected):
    assert of_error(failure) == expected


def test_an_iteration_that_is_over_ends_a_command_as_it_ended():
    ended = {state: of_state(state) for state in IterationState if state.is_terminal}
    assert ended == {"succeeded": 0, "rejected": 3, "failed": 1, "cancelled": 4}


def test_the_help_names_each_code():
    for code in set(Exit) - {Exit.INTERRUPTED}:
        assert f" {int(code)} " in WORDS


@pytest.mark.parametrize(
    ("state", "until", "expected"),
    [
        (CampaignState.SUCCEEDED, 0.9, 0),
        (CampaignState.ENDED, None, 0),
        (CampaignState.ENDED, 0.9, 3),
        (CampaignState.FAILED, 0.9, 1),
        (CampaignState.CANCELLED, None, 4),
    ],
)
def test_a_campaign_that_is_over_ends_a_command_as_it_ended(state, until, expected):
    assert of_campaign(state, Goal(until=until, max_iterations=2)) == expected
