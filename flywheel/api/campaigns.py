"""Campaigns: iterations until a goal is reached."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Response

from flywheel.api.campaign_view import (
    CampaignDetail,
    CampaignRequest,
    CampaignView,
    PlannedCampaign,
    detailed,
    shown,
)
from flywheel.api.guards import Claimed, Desk, MaybeClaimed, Operator, Reader
from flywheel.api.names import CampaignNumber
from flywheel.api.pages import Page, PageSize, PageToken, page
from flywheel.api.plane import Plane
from flywheel.api.problems import documented
from flywheel.api.reasons import Reason
from flywheel.api.route import Route
from flywheel.config import overridden
from flywheel.core.campaign import CampaignState
from flywheel.core.commands import campaigns as commands
from flywheel.core.commands import iterations
from flywheel.core.control import Control
from flywheel.core.entry import Claim, Draft
from flywheel.ports import Decide

router = APIRouter(tags=["campaigns"], route_class=Route)


@router.post(
    "/campaigns",
    status_code=202,
    response_model=CampaignView,
    responses={200: {"model": PlannedCampaign, "description": "With `dry_run`: the plan"}, **documented(400, 409)},
)
def create_campaign(
    request: CampaignRequest,
    plane: Desk,
    who: Operator,
    claim: Claimed,
    response: Response,
    dry_run: Annotated[bool, Query(description="Only say what would be done", examples=[True])] = False,
) -> CampaignView | Response:
    """Ask for iterations, one after the other, until the goal is reached. One campaign at a time."""
    settings = overridden(plane.config, request.overrides, origin="overrides")
    goal = request.goal.plain
    decide = partial(commands.request, by=who.name, goal=goal, overrides=request.overrides.plain)
    if dry_run:
        number = decide(plane.chronicle.control()).subject.rpartition("/")[2]
        plan = PlannedCampaign(number=int(number), settings=settings.model_dump(mode="json"))
        return Response(plan.model_dump_json(), media_type="application/json")
    entry = plane.chronicle.append(decide, claim=claim)
    assert entry is not None, "asking for a campaign always makes an entry"
    plane.watch.nudge()
    response.headers["Location"] = f"/v1/{entry.subject}"
    return CampaignView.of(entry)


@router.get("/campaigns", responses=documented(400))
def list_campaigns(
    plane: Desk,
    who: Reader,
    state: Annotated[
        CampaignState | None, Query(description="Only those in this state", examples=[CampaignState.ACTIVE])
    ] = None,
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> Page[CampaignView]:
    """Campaigns, the newest first."""
    control = plane.chronicle.control()
    chosen = [some for _, some in sorted(control.campaigns.items(), reverse=True) if state in (None, some.state)]
    return page(chosen, size=page_size, token=page_token, key=lambda one: str(one.number), show=partial(shown, control))


@router.get("/campaigns/{number}", responses=documented(404))
def get_campaign(number: CampaignNumber, plane: Desk, who: Reader) -> CampaignDetail:
    """One campaign, with its iterations."""
    return detailed(plane.chronicle.control(), number)


@router.post("/campaigns/{number}:pause", status_code=202, responses=documented(404, 409))
def pause_campaign(
    number: CampaignNumber, body: Reason, plane: Desk, who: Operator, claim: MaybeClaimed
) -> CampaignDetail:
    """Let the iteration that runs end as it would, and begin no other."""
    return _changed(partial(commands.pause, number=number, by=who.name, reason=body.reason), number, plane, claim)


@router.post("/campaigns/{number}:resume", status_code=202, responses=documented(404, 409))
def resume_campaign(
    number: CampaignNumber, body: Reason, plane: Desk, who: Operator, claim: MaybeClaimed
) -> CampaignDetail:
    """Go on with a campaign that was paused."""
    return _changed(partial(commands.resume, number=number, by=who.name, reason=body.reason), number, plane, claim)


@router.post("/campaigns/{number}:cancel", status_code=202, responses=documented(404, 409))
def cancel_campaign(
    number: CampaignNumber, body: Reason, plane: Desk, who: Operator, claim: MaybeClaimed
) -> CampaignDetail:
    """End a campaign, and cancel its iteration that is queued or runs."""
    decide = partial(commands.finish, number=number, state=CampaignState.CANCELLED, by=who.name, reason=body.reason)
    plane.chronicle.append(decide, claim=claim)
    while plane.chronicle.append(partial(_cancel_one, number=number, by=who.name)) is not None:
        pass
    plane.watch.nudge()
    return detailed(plane.chronicle.control(), number)


def _cancel_one(control: Control, *, number: int, by: str) -> Draft | None:
    """The campaign's next iteration that nobody has cancelled yet; None: there is no more."""
    for status in control.iterations.values():
        if status.campaign == number and not status.state.is_terminal and status.cancel_requested_by is None:
            return iterations.cancel(control, status.number, by=by, reason=f"campaign {number} was cancelled")
    return None


def _changed(decide: Decide, number: int, plane: Plane, claim: Claim | None) -> CampaignDetail:
    plane.chronicle.append(decide, claim=claim)
    plane.watch.nudge()
    return detailed(plane.chronicle.control(), number)
