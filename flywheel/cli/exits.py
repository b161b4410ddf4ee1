"""Exit codes: how a command ended, for scripts."""

from __future__ import annotations

from enum import IntEnum

from flywheel.core.campaign import CampaignState, Goal
from flywheel.core.control import IterationState
from flywheel.core.errors import ApiBusyError, ApiError, FlywheelError, ServiceError, UnreachableError


class Exit(IntEnum):
    """What `$?` says."""

    DONE = 0
    FAILED = 1
    """What was waited for failed, or the service did."""
    WRONG = 2
    """The input must be corrected, or is not possible as things stand."""
    REJECTED = 3
    CANCELLED = 4
    UNREACHABLE = 5
    """Later it may be."""
    INTERRUPTED = 130
    """By Ctrl-C, as shells have it."""


WORDS = (
    "Exit codes: 0 done; 1 failed: what was waited for, a check, or the service itself; "
    "2 wrong input, or not possible as things stand (HTTP 4xx); 3 the iteration that was waited for was rejected, or "
    "the campaign did not reach its success rate; 4 it was cancelled; "
    "5 no service answers, or it is too busy (HTTP 429, 503): try again later."
)


def of_error(failure: FlywheelError) -> Exit:
    """Of an error that ends a command."""
    if isinstance(failure, UnreachableError | ApiBusyError):
        return Exit.UNREACHABLE
    if isinstance(failure, ServiceError):
        corrected = isinstance(failure, ApiError) and 400 <= failure.status < 500
        return Exit.WRONG if corrected else Exit.FAILED
    return Exit.WRONG


def of_state(state: IterationState) -> Exit:
    """Of an iteration that is over."""
    return {
        IterationState.SUCCEEDED: Exit.DONE,
        IterationState.REJECTED: Exit.REJECTED,
        IterationState.CANCELLED: Exit.CANCELLED,
    }.get(state, Exit.FAILED)


def of_campaign(state: CampaignState, goal: Goal) -> Exit:
    """Of a campaign that is over. One for a success rate that a budget or a plateau ended before is rejected."""
    if state is CampaignState.ENDED:
        return Exit.DONE if goal.until is None else Exit.REJECTED
    return {CampaignState.SUCCEEDED: Exit.DONE, CampaignState.CANCELLED: Exit.CANCELLED}.get(state, Exit.FAILED)
