"""Iterations: ask for one, look at them, follow one, stop one, try one again."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, ConfigDict, Field

from flywheel.api.entries import EntryView
from flywheel.api.guards import Claimed, Desk, MaybeClaimed, Operator, Reader
from flywheel.api.iteration_view import IterationView, progress_of, shown
from flywheel.api.pages import Page, PageSize, PageToken, page
from flywheel.api.plane import Plane
from flywheel.api.problems import documented
from flywheel.api.reasons import Reason
from flywheel.api.route import Route
from flywheel.config import Overrides, overridden
from flywheel.core.commands import iterations as commands
from flywheel.core.control import Control, IterationState, IterationStatus
from flywheel.core.entry import Claim, Entry
from flywheel.ports import Decide

router = APIRouter(tags=["iterations"], route_class=Route)
Number = Annotated[int, Path(ge=0, le=10**9, description="The iteration's number; 0 is pretraining", examples=[3])]
POLL_S = 0.25


def known(number: Number, plane: Desk, who: Reader) -> IterationStatus:
    """404, before a stream begins."""
    return commands.iteration(plane.chronicle.control(), number)


class IterationRequest(BaseModel):
    """What an iteration should be like. An empty object: as configured."""

    model_config = ConfigDict(extra="forbid")

    overrides: Annotated[
        Overrides,
        Field(
            description="Settings of this iteration alone",
            examples=[{"collect": {"episodes_per_task": 100}, "train": {"num_updates": 500}}],
        ),
    ] = Overrides()
    reason: Annotated[str, Field(max_length=1000, description="For the history", examples=["new gripper"])] = ""


class PlannedIteration(BaseModel):
    """What would be done. Nothing was started."""

    number: Annotated[int, Field(description="The number that it would get", examples=[4])]
    settings: Annotated[
        dict[str, object], Field(description="The whole configuration that it would run with", examples=[{"seed": 0}])
    ]


@router.post(
    "/iterations",
    status_code=202,
    response_model=IterationView,
    responses={200: {"model": PlannedIteration, "description": "With `dry_run`: the plan"}, **documented(400, 409)},
)
def create_iteration(
    request: IterationRequest,
    plane: Desk,
    who: Operator,
    claim: Claimed,
    response: Response,
    dry_run: Annotated[bool, Query(description="Only say what would be done", examples=[True])] = False,
) -> IterationView | Response:
    """Queue an iteration. It starts when those before it are over."""
    settings = overridden(plane.config, request.overrides, origin="overrides")
    decide = partial(
        commands.request,
        by=who.name,
        overrides=request.overrides.plain,
        max_queued=plane.config.control.max_queued,
        reason=request.reason,
    )
    if dry_run:
        decide(plane.chronicle.control())
        number = plane.chronicle.control().next_iteration
        plan = PlannedIteration(number=number, settings=settings.model_dump(mode="json"))
        return Response(plan.model_dump_json(), media_type="application/json")
    return _requested(plane.chronicle.append(decide, claim=claim), plane, response)


@router.get("/iterations", responses=documented(400))
def list_iterations(
    plane: Desk,
    who: Reader,
    state: Annotated[IterationState | None, Query(description="Only those in this state", examples=["running"])] = None,
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> Page[IterationView]:
    """Iterations, the newest first."""
    control = plane.chronicle.control()
    chosen = [status for _, status in sorted(control.iterations.items(), reverse=True) if state in (None, status.state)]
    return page(chosen, size=page_size, token=page_token, key=lambda one: str(one.number), show=partial(shown, plane))


@router.get("/iterations/{number}", responses=documented(404))
def get_iteration(number: Number, plane: Desk, who: Reader) -> IterationView:
    """One iteration, with the progress of its running stage."""
    return shown(plane, commands.iteration(plane.chronicle.control(), number))


@router.post("/iterations/{number}:cancel", status_code=202, responses=documented(404, 409))
def cancel_iteration(number: Number, plane: Desk, who: Operator, claim: MaybeClaimed, body: Reason) -> IterationView:
    """Stop an iteration. What it collected stays; what it used is free within seconds."""
    return _changed(partial(commands.cancel, number=number, by=who.name, reason=body.reason), number, plane, claim)


@router.post("/iterations/{number}:retry", status_code=202, responses=documented(400, 404, 409))
def retry_iteration(number: Number, plane: Desk, who: Operator, claim: Claimed, response: Response) -> IterationView:
    """Queue a new iteration with the settings of one that failed or was cancelled."""
    max_queued = plane.config.control.max_queued
    decide = partial(commands.retry, number=number, by=who.name, max_queued=max_queued)
    return _requested(plane.chronicle.append(decide, claim=claim), plane, response)


@router.post("/iterations/{number}:approve", status_code=202, responses=documented(404, 409))
def approve_iteration(number: Number, body: Reason, plane: Desk, who: Operator, claim: MaybeClaimed) -> IterationView:
    """Let a waiting iteration deploy its candidate."""
    return _changed(partial(commands.approve, number=number, by=who.name, reason=body.reason), number, plane, claim)


@router.post("/iterations/{number}:decline", status_code=202, responses=documented(404, 409))
def decline_iteration(number: Number, body: Reason, plane: Desk, who: Operator, claim: MaybeClaimed) -> IterationView:
    """End a waiting iteration without deploying its candidate."""
    return _changed(partial(commands.decline, number=number, by=who.name, reason=body.reason), number, plane, claim)


@router.get("/iterations/{number}/events", response_class=EventSourceResponse, responses=documented(404))
async def follow_iteration(
    found: Annotated[IterationStatus, Depends(known)],
    plane: Desk,
    last_event_id: Annotated[
        int | None, Header(alias="Last-Event-ID", ge=0, description="Go on after this event", examples=[17])
    ] = None,
) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events of an iteration: `entry` with an id for what is in its history, `progress` without one.

    The stream ends when the iteration is over. A client that was cut off asks again with `Last-Event-ID`.
    """
    seen, told = -1 if last_event_id is None else last_event_id, None
    while True:
        control = await asyncio.to_thread(plane.chronicle.control)
        for entry in _entries(control, found.number, after=seen):
            seen = entry.number
            yield ServerSentEvent(event="entry", id=str(entry.number), data=EntryView.model_validate(entry))
        status = control.iterations[found.number]
        if status.state.is_terminal:
            return
        progress = await asyncio.to_thread(progress_of, plane, status)
        if progress is not None and progress != told:
            yield ServerSentEvent(event="progress", data=progress)
            told = progress
        await asyncio.sleep(POLL_S)


def _entries(control: Control, number: int, *, after: int) -> list[Entry]:
    return [entry for entry in control.entries[after + 1 :] if entry.subject == f"iterations/{number}"]


def _requested(entry: Entry | None, plane: Plane, response: Response) -> IterationView:
    """As it was when it was asked for: a request that is repeated gets the same answer."""
    assert entry is not None, "asking for an iteration always makes an entry"
    plane.watch.nudge()
    response.headers["Location"] = f"/v1/{entry.subject}"
    return IterationView.model_validate(IterationStatus.of(entry))


def _changed(decide: Decide, number: int, plane: Plane, claim: Claim | None) -> IterationView:
    plane.chronicle.append(decide, claim=claim)
    plane.watch.nudge()
    return shown(plane, plane.chronicle.control().iterations[number])
