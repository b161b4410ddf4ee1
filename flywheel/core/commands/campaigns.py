"""Commands on campaigns. Each answers with the entry to be made, or refuses. Pure."""

from collections.abc import Mapping
from typing import Any

from flywheel.core.campaign import Campaign, CampaignState, Goal
from flywheel.core.control import Control
from flywheel.core.entry import Action, Draft
from flywheel.core.errors import ConflictError, UnknownError


def request(control: Control, *, by: str, goal: Goal, overrides: Mapping[str, Any]) -> Draft:
    """ConflictError: another campaign is not over."""
    busy = next((some for some in control.campaigns.values() if not some.state.is_terminal), None)
    if busy is not None:
        raise ConflictError(f"campaign {busy.number} is {busy.state}: one at a time")
    return Draft(
        action=Action.CAMPAIGN_REQUESTED,
        subject=f"campaigns/{max(control.campaigns, default=0) + 1}",
        by=by,
        after=CampaignState.ACTIVE,
        details={"goal": goal.plain, "overrides": dict(overrides)},
    )


def pause(control: Control, number: int, *, by: str, reason: str = "") -> Draft:
    """The iteration that runs ends as it would; no other begins."""
    return _change(control, number, CampaignState.ACTIVE, CampaignState.PAUSED, by=by, reason=reason)


def resume(control: Control, number: int, *, by: str, reason: str = "") -> Draft:
    return _change(control, number, CampaignState.PAUSED, CampaignState.ACTIVE, by=by, reason=reason)


def finish(control: Control, number: int, *, state: CampaignState, by: str, reason: str) -> Draft:
    """ConflictError: it is over already."""
    found = campaign(control, number)
    if found.state.is_terminal:
        raise ConflictError(f"campaign {number} is {found.state} already")
    return Draft(
        action=Action.CAMPAIGN_FINISHED,
        subject=f"campaigns/{number}",
        by=by,
        reason=reason,
        before=found.state,
        after=state,
        details={"state": str(state)},
    )


def campaign(control: Control, number: int) -> Campaign:
    """UnknownError: there is none with this number."""
    if number not in control.campaigns:
        raise UnknownError(f"there is no campaign {number}")
    return control.campaigns[number]


def _change(
    control: Control, number: int, before: CampaignState, after: CampaignState, *, by: str, reason: str
) -> Draft:
    found = campaign(control, number)
    if found.state is not before:
        raise ConflictError(f"campaign {number} is {found.state}, not {before}")
    action = Action.CAMPAIGN_PAUSED if after is CampaignState.PAUSED else Action.CAMPAIGN_RESUMED
    return Draft(action=action, subject=f"campaigns/{number}", by=by, reason=reason, before=before, after=after)
