"""Success rates: how each policy version did on each task, by why its episodes were made."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from flywheel.api.guards import Desk, Reader
from flywheel.api.pages import Page, PageSize, PageToken, page
from flywheel.api.problems import documented
from flywheel.api.route import Route
from flywheel.api.successes import TaskSuccess
from flywheel.core.episode import Outcome, Source

router = APIRouter(tags=["success rates"], route_class=Route)
Kind = tuple[str, str, Source]
"""Task, behaviour policy, source."""


class SuccessRateView(TaskSuccess):
    """Success of one policy version on one task, over episodes of one source."""

    policy_id: Annotated[
        str, Field(description="The version that acted; `demonstrator`: none did", examples=["policy-0003"])
    ]
    source: Annotated[
        Source,
        Field(
            description="evaluation: its most likely actions, on states that the gate compares on; collection: drawn "
            "actions; final: most likely actions, on states that nothing was chosen by",
            examples=["evaluation"],
        ),
    ]


@router.get("/success-rates", responses=documented(400))
def list_success_rates(
    plane: Desk,
    who: Reader,
    policy: Annotated[
        str | None, Query(max_length=100, description="Only of this version", examples=["policy-0003"])
    ] = None,
    task: Annotated[
        str | None, Query(max_length=200, description="Only on this task", examples=["metaworld/reach-v3"])
    ] = None,
    source: Annotated[Source | None, Query(description="Only over these episodes", examples=["evaluation"])] = None,
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> Page[SuccessRateView]:
    """Over all episodes that are in the table now, by version, task and source; later versions come first."""
    counts = plane.episodes.counts()
    chosen = [
        kind
        for kind in sorted(counts, key=_order, reverse=True)
        if task in (None, kind[0]) and policy in (None, kind[1]) and source in (None, kind[2])
    ]
    return page(chosen, size=page_size, token=page_token, key="\n".join, show=lambda kind: _shown(kind, counts[kind]))


def _order(kind: Kind) -> tuple[str, str, str]:
    task, policy, source = kind
    return policy, task, source


def _shown(kind: Kind, outcomes: Mapping[Outcome, int]) -> SuccessRateView:
    task, policy, source = kind
    successes = outcomes.get(Outcome.SUCCESS, 0)
    known = TaskSuccess.of(
        task,
        successes=successes,
        episodes=successes + outcomes.get(Outcome.FAILURE, 0),
        errors=outcomes.get(Outcome.ERROR, 0),
        unscored=outcomes.get(Outcome.UNSCORED, 0),
    )
    return SuccessRateView(**known.model_dump(), policy_id=policy, source=source)
