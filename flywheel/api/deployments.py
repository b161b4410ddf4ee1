"""Deployments: which policy version was live when, by whom and why. What was done stays; a rollback comes after it."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from flywheel.api.deployable import check_deployable
from flywheel.api.etags import IfMatch, check_match
from flywheel.api.guards import Desk, MaybeClaimed, Operator, Reader
from flywheel.api.names import DeploymentNumber
from flywheel.api.pages import Page, PageSize, PageToken, page
from flywheel.api.problems import documented
from flywheel.api.route import Route
from flywheel.api.times import Time
from flywheel.core.commands import policies as commands
from flywheel.core.control import Control, Deployment
from flywheel.core.entry import Action, Draft
from flywheel.core.errors import UnknownError

router = APIRouter(tags=["deployments"], route_class=Route)


class DeploymentView(BaseModel):
    """One change of the live version."""

    model_config = ConfigDict(from_attributes=True)

    number: Annotated[int, Field(description="Counts from 0", examples=[2])]
    policy_id: Annotated[str, Field(description="What became live", examples=["policy-0003"])]
    previous: Annotated[str | None, Field(description="What was live before; null: nothing", examples=["policy-0002"])]
    at: Annotated[str, Field(description="RFC 3339", examples=["2026-01-05T09:30:00.000Z"])]
    by: Annotated[str, Field(description="Who did it", examples=["token:alice"])]
    how: Annotated[Action, Field(description="policy.promoted or policy.rolled_back", examples=["policy.promoted"])]
    reason: Annotated[str, Field(description="Why", examples=["mean success 0.98 against 0.95"])]
    iteration: Annotated[
        int | None, Field(description="The iteration whose gate decided; null: a person did", examples=[3])
    ]


class RollbackRequest(BaseModel):
    """Where to go back to, and why."""

    model_config = ConfigDict(extra="forbid")

    policy_id: Annotated[
        str | None,
        Field(
            max_length=100,
            description="A version that was live once; null: the one before the live one",
            examples=["policy-0002"],
        ),
    ] = None
    reason: Annotated[str, Field(min_length=1, max_length=1000, description="For the history", examples=["drops cups"])]


@router.get("/deployments", responses=documented(400))
def list_deployments(
    plane: Desk,
    who: Reader,
    policy_id: Annotated[
        str | None, Query(max_length=100, description="Only of this version", examples=["policy-0003"])
    ] = None,
    at: Annotated[
        Time | None,
        Query(
            description="Only the one that was in force at this time (RFC 3339, with a time zone): what was live then",
            examples=["2026-01-05T12:00:00Z"],
        ),
    ] = None,
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> Page[DeploymentView]:
    """Every change of the live version, the newest first. Nothing in it is ever changed."""
    made = plane.chronicle.control().deployments
    in_force = list(reversed(made)) if at is None else _in_force(made, at)
    chosen = [deployment for deployment in in_force if policy_id in (None, deployment.policy_id)]
    return page(
        chosen, size=page_size, token=page_token, key=lambda one: str(one.number), show=DeploymentView.model_validate
    )


@router.get("/deployments/{number}", responses=documented(404))
def get_deployment(number: DeploymentNumber, plane: Desk, who: Reader) -> DeploymentView:
    """One change of the live version."""
    made = plane.chronicle.control().deployments
    if number >= len(made):
        raise UnknownError(f"there is no deployment {number}; there are {len(made)}")
    return DeploymentView.model_validate(made[number])


@router.post("/deployments:rollback", status_code=202, responses=documented(404, 409, 412))
def roll_back(
    request: RollbackRequest,
    plane: Desk,
    who: Operator,
    claim: MaybeClaimed,
    response: Response,
    if_match: IfMatch = None,
) -> DeploymentView:
    """Make an earlier version live again: the one before the live one, or the one that is named.

    `If-Match`: the ETag of the newest deployment; 412 if another one came after it.
    """

    def decide(control: Control) -> Draft:
        if control.deployments:
            check_match(if_match, DeploymentView.model_validate(control.deployments[-1]))
        draft = commands.roll_back(control, by=who.name, reason=request.reason, policy_id=request.policy_id)
        assert draft.after is not None, "a rollback makes a version live"
        check_deployable(plane, draft.after)
        return draft

    entry = plane.chronicle.append(decide, claim=claim)
    assert entry is not None, "a rollback always makes an entry"
    plane.watch.nudge()
    number = made_by(plane.chronicle.control(), entry.number)
    response.headers["Location"] = f"/v1/deployments/{number}"
    return DeploymentView.model_validate(plane.chronicle.control().deployments[number])


def made_by(control: Control, entry: int) -> int:
    """The number of the deployment that an entry made."""
    changes = (Action.POLICY_PROMOTED, Action.POLICY_ROLLED_BACK)
    return sum(some.action in changes for some in control.entries[:entry])


def _in_force(made: list[Deployment], at: datetime) -> list[Deployment]:
    before = [deployment for deployment in made if datetime.fromisoformat(deployment.at) <= at]
    return before[-1:]
