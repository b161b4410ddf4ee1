"""Pairs: what the candidate and the live version did from the same initial states."""

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from flywheel.api.episode_view import EpisodeView
from flywheel.api.guards import Desk, Reader
from flywheel.api.iterations import Number
from flywheel.api.pages import Page, PageSize, PageToken, page
from flywheel.api.plane import Plane
from flywheel.api.problems import documented
from flywheel.api.route import Route
from flywheel.core.commands import iterations as commands
from flywheel.core.episode import EpisodeSummary, Source
from flywheel.core.iteration import Stage, record_key
from flywheel.core.pairs import Pair, compared

router = APIRouter(tags=["iterations"], route_class=Route)
Both = tuple[EpisodeSummary, EpisodeSummary]
"""The candidate's episode and the live version's."""


class Result(StrEnum):
    """How the candidate did against the live version; `Pair`, in words."""

    WIN = "win"
    LOSS = "loss"
    FASTER = "faster"
    SLOWER = "slower"
    BOTH = "both"
    NEITHER = "neither"
    UNKNOWN = "unknown"


class PairView(BaseModel):
    """Two episodes from one initial state."""

    task: Annotated[str, Field(description="Of both", examples=["metaworld/reach-v3"])]
    seed: Annotated[int, Field(description="Of the initial state", examples=[3735928559])]
    result: Annotated[
        Result,
        Field(
            description="win: the candidate alone succeeded; loss: the live version alone; faster, slower: both did, "
            "the candidate more than 5% sooner or later; both: about as soon; unknown: nobody scored one of them",
            examples=["loss"],
        ),
    ]
    candidate: Annotated[EpisodeView, Field(description="The candidate's")]
    live: Annotated[EpisodeView, Field(description="The live version's")]


@router.get("/iterations/{number}/pairs", responses=documented(400, 404))
def list_pairs(
    number: Number,
    plane: Desk,
    who: Reader,
    task: Annotated[
        str | None, Query(max_length=200, description="Only on this task", examples=["metaworld/reach-v3"])
    ] = None,
    seed: Annotated[int | None, Query(description="Only from this initial state", examples=[3735928559])] = None,
    result: Annotated[Result | None, Query(description="Only those that ended so", examples=["loss"])] = None,
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> Page[PairView]:
    """What the gate compared, by task and seed, as far as the table still holds it.

    Empty before the iteration was evaluated, and where no version was live.
    """
    commands.iteration(plane.chronicle.control(), number)
    chosen = [
        both
        for both in _pairs(plane, number)
        if task in (None, both[0].task) and seed in (None, both[0].seed) and result in (None, _result(both))
    ]
    return page(chosen, size=page_size, token=page_token, key=lambda both: both[0].episode_id, show=_shown)


def _pairs(plane: Plane, number: int) -> list[Both]:
    judged = plane.records.read(record_key(number, Stage.EVALUATE))
    if judged is None or judged["live"] is None:
        return []
    made = plane.episodes.summaries(iteration=number, source=Source.EVALUATION)
    theirs = {(some.task, some.seed): some for some in made if some.behaviour_policy == judged["live"]}
    ours = [some for some in made if some.behaviour_policy == judged["policy_id"] and (some.task, some.seed) in theirs]
    return [(some, theirs[some.task, some.seed]) for some in sorted(ours, key=lambda some: (some.task, some.seed))]


def _result(both: Both) -> Result:
    return Result[Pair(compared(*both)).name]


def _shown(both: Both) -> PairView:
    candidate, live = both
    return PairView(
        task=candidate.task,
        seed=candidate.seed,
        result=_result(both),
        candidate=EpisodeView.model_validate(candidate),
        live=EpisodeView.model_validate(live),
    )
