"""Schedules: what asks for iterations by itself."""

from functools import partial

from fastapi import APIRouter, Response

from flywheel.api.etags import IfMatch, check_match
from flywheel.api.guards import Desk, MaybeClaimed, Operator, Reader
from flywheel.api.names import ScheduleName
from flywheel.api.pages import Page, PageSize, PageToken, page
from flywheel.api.problems import documented
from flywheel.api.route import Route
from flywheel.api.schedule_view import ScheduleRequest, ScheduleView
from flywheel.config import overridden
from flywheel.core.commands import schedules as commands
from flywheel.core.control import Control
from flywheel.core.entry import Draft

router = APIRouter(tags=["schedules"], route_class=Route)


@router.post("/schedules", status_code=201, responses=documented(409))
def create_schedule(
    request: ScheduleRequest, plane: Desk, who: Operator, claim: MaybeClaimed, response: Response
) -> ScheduleView:
    """Ask for an iteration whenever a time comes, enough new episodes are there, or success falls."""
    overridden(plane.config, request.overrides, origin="overrides")
    decide = partial(
        commands.create,
        name=request.name,
        by=who.name,
        trigger=request.trigger.plain,
        overrides=request.overrides.plain,
    )
    entry = plane.chronicle.append(decide, claim=claim)
    assert entry is not None, "creating a schedule always makes an entry"
    plane.watch.nudge()
    response.headers["Location"] = f"/v1/{entry.subject}"
    return ScheduleView.of(entry)


@router.get("/schedules", responses=documented(400))
def list_schedules(
    plane: Desk, who: Reader, page_size: PageSize = 50, page_token: PageToken = None
) -> Page[ScheduleView]:
    """Schedules, by name."""
    chosen = [schedule for _, schedule in sorted(plane.chronicle.control().schedules.items())]
    return page(chosen, size=page_size, token=page_token, key=lambda one: one.name, show=ScheduleView.model_validate)


@router.get("/schedules/{name}", responses=documented(404))
def get_schedule(name: ScheduleName, plane: Desk, who: Reader) -> ScheduleView:
    """One schedule, and when it fired last."""
    return ScheduleView.model_validate(commands.schedule(plane.chronicle.control(), name))


@router.delete("/schedules/{name}", status_code=204, responses=documented(404, 412))
def delete_schedule(name: ScheduleName, plane: Desk, who: Operator, if_match: IfMatch = None) -> None:
    """Delete a schedule. The iterations that it asked for stay."""

    def decide(control: Control) -> Draft:
        check_match(if_match, ScheduleView.model_validate(commands.schedule(control, name)))
        return commands.delete(control, name, by=who.name)

    plane.chronicle.append(decide)
