"""Logs: what was logged about an iteration, kept in the store for as long as the settings ask for."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from flywheel.api.guards import Desk, Reader
from flywheel.api.iterations import Number
from flywheel.api.pages import Page, PageSize, PageToken, decoded, encoded
from flywheel.api.problems import RequestRefusedError, documented
from flywheel.api.route import Route
from flywheel.core.commands import iterations as commands
from flywheel.core.errors import ConfigError
from flywheel.core.iteration import Stage
from flywheel.core.log_line import Level

router = APIRouter(tags=["iterations"], route_class=Route)


class LogLineView(BaseModel):
    """One thing that a process said about its work on an iteration."""

    model_config = ConfigDict(from_attributes=True)

    time: Annotated[str, Field(description="RFC 3339", examples=["2026-01-05T09:30:00.000Z"])]
    level: Annotated[Level, Field(description="How much it matters", examples=["warning"])]
    logger: Annotated[str, Field(description="The module that said it", examples=["flywheel.logs.narrator"])]
    message: Annotated[str, Field(description="What it said", examples=["collector 3 is at work, on 10.0.0.7"])]
    process: Annotated[str, Field(description="What the process is", examples=["supervisor"])]
    pid: Annotated[int, Field(description="Its number on its machine", examples=[4711])]
    iteration: Annotated[int | None, Field(description="The iteration", examples=[3])]
    stage: Annotated[str | None, Field(description="The stage that ran; null: none did", examples=["collect"])]
    policy_version: Annotated[
        str | None, Field(description="The version that acted, was trained or judged", examples=["policy-0002"])
    ]
    episode: Annotated[str | None, Field(description="The episode that it is about", examples=[None])]
    exception: Annotated[str | None, Field(description="The traceback of an unforeseen error", examples=[None])]


@router.get("/iterations/{number}/logs", responses=documented(400, 404))
def list_iteration_logs(
    number: Number,
    plane: Desk,
    who: Reader,
    level: Annotated[
        Level | None, Query(description="Only what matters at least as much", examples=["warning"])
    ] = None,
    stage: Annotated[
        Stage | Literal["final"] | None,
        Query(description="Only of this stage; final: the assessment at the end of a run", examples=["train"]),
    ] = None,
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> Page[LogLineView]:
    """What was logged about an iteration, in order. A line is there a few seconds after it was logged.

    The page that has no next one may be asked for again, and grows while the iteration runs. A page looks at a bounded
    part: it may hold fewer than `page_size`, even none, while there are more.
    """
    commands.iteration(plane.chronicle.control(), number)
    try:
        found = plane.logs.page(
            number,
            size=page_size,
            after=None if page_token is None else decoded(page_token),
            level=level,
            stage=None if stage is None else str(stage),
        )
    except ConfigError as failure:
        raise RequestRefusedError(400, "page_token: not one that this list gave") from failure
    return Page(
        items=[LogLineView.model_validate(line) for line in found.lines],
        next_page_token=None if found.after is None else encoded(found.after),
    )
