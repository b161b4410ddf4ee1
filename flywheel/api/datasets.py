"""Datasets: which versions of the tables each iteration trained on, what its batches held, and what changed."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from flywheel.api.guards import Desk, Reader
from flywheel.api.iterations import Number
from flywheel.api.pages import Page, PageSize, PageToken, page
from flywheel.api.problems import documented
from flywheel.api.route import Route
from flywheel.api.turns import recorded_by, training
from flywheel.core.differences import differences
from flywheel.core.errors import UnknownError
from flywheel.core.iteration import Stage
from flywheel.ports import Records

router = APIRouter(tags=["datasets"], route_class=Route)
Shares = dict[str, dict[str, float]]
SHARES = [{"source": {"collection": 0.7, "demonstration": 0.3}, "outcome": {"success": 0.8, "failure": 0.2}}]
COMPARED = ("trained_on", "mixture", "recalls", "num_updates")
"""Of a training's record: what a difference between two datasets names, setting by setting."""


class DatasetView(BaseModel):
    """What an iteration trained on."""

    iteration: Annotated[int, Field(description="The iteration", examples=[3])]
    policy_id: Annotated[str, Field(description="The version that it trained", examples=["policy-0003"])]
    versions: Annotated[dict[str, int], Field(description="Table -> version", examples=[{"episodes": 12, "labels": 9}])]
    digests: Annotated[
        dict[str, str],
        Field(
            description="Table -> sha256 over the names of that version's files", examples=[{"episodes": "9f86d081"}]
        ),
    ]
    mixture: Annotated[
        dict[str, Any],
        Field(
            description="Weights of the data in a batch: `sources`, `tasks`, `outcomes`, `half_life_iterations`",
            examples=[{"sources": {"demonstration": 0.3, "collection": 0.7}, "half_life_iterations": None}],
        ),
    ]
    shares: Annotated[
        Shares,
        Field(
            description="What batches held on average, by source, task, outcome and age; each sums to 1",
            examples=SHARES,
        ),
    ]
    recalls: Annotated[list[int], Field(description="Recalls whose episodes were left out", examples=[[1]])]
    num_updates: Annotated[int, Field(description="Optimiser steps", examples=[500])]


class Change(BaseModel):
    """One setting with two values."""

    key: Annotated[str, Field(description="Dotted", examples=["mixture.sources.collection"])]
    before: Annotated[str, Field(description="Its value then; `nothing`: it was not there", examples=["0.5"])]
    now: Annotated[str, Field(description="Its value now; `nothing`: it is not there", examples=["0.7"])]


class DatasetDifference(BaseModel):
    """What differs between what two iterations trained on."""

    iteration: Annotated[int, Field(description="This iteration", examples=[3])]
    since: Annotated[int, Field(description="Compared with this one", examples=[2])]
    changes: Annotated[list[Change], Field(description="Versions and settings that differ, by key")]
    shares: Annotated[
        Shares,
        Field(
            description="What was added to each share of a batch, by source, task, outcome and age",
            examples=[{"source": {"collection": 0.2, "demonstration": -0.2}}],
        ),
    ]


@router.get("/datasets", responses=documented(400))
def list_datasets(
    plane: Desk, who: Reader, page_size: PageSize = 50, page_token: PageToken = None
) -> Page[DatasetView]:
    """What each iteration trained on, the newest first."""
    numbers = recorded_by(plane.records, Stage.TRAIN)
    return page(numbers, size=page_size, token=page_token, key=str, show=lambda number: _shown(number, plane.records))


@router.get("/datasets/{number}", responses=documented(404))
def get_dataset(number: Number, plane: Desk, who: Reader) -> DatasetView:
    """What one iteration trained on."""
    return _shown(number, plane.records)


@router.get("/datasets/{number}/difference", responses=documented(404))
def get_dataset_difference(
    number: Number,
    plane: Desk,
    who: Reader,
    since: Annotated[
        int | None,
        Query(
            ge=0, le=10**9, description="The iteration to compare with; null: the one that trained before", examples=[2]
        ),
    ] = None,
) -> DatasetDifference:
    """What changed from what one iteration trained on to another."""
    now = training(plane.records, number)
    earlier = _before(number, plane.records) if since is None else since
    then = training(plane.records, earlier)
    return DatasetDifference(
        iteration=number,
        since=earlier,
        changes=[
            Change(key=some.key, before=some.before, now=some.now)
            for some in differences(_compared(then), _compared(now))
        ],
        shares=_added(then.get("shares", {}), now.get("shares", {})),
    )


def _before(number: int, records: Records) -> int:
    earlier = [some for some in recorded_by(records, Stage.TRAIN) if some < number]
    if not earlier:
        raise UnknownError(f"nothing was trained before iteration {number}: there is nothing to compare with")
    return earlier[0]


def _shown(number: int, records: Records) -> DatasetView:
    record = training(records, number)
    return DatasetView(
        iteration=number,
        policy_id=record["policy_id"],
        versions=record["trained_on"],
        digests=record["data_digests"],
        mixture=record.get("mixture", {}),
        shares=record.get("shares", {}),
        recalls=record.get("recalls", []),
        num_updates=record["num_updates"],
    )


def _compared(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: record[name] for name in COMPARED if name in record}


def _added(before: Mapping[str, Mapping[str, float]], now: Mapping[str, Mapping[str, float]]) -> Shares:
    return {
        kind: {
            name: now.get(kind, {}).get(name, 0.0) - before.get(kind, {}).get(name, 0.0)
            for name in sorted({*before.get(kind, {}), *now.get(kind, {})})
        }
        for kind in sorted({*before, *now})
    }
