"""Policies: every version that was trained. Which one is live is decided here, or by the gate."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query

from flywheel.api.deployable import check_deployable, finished, outcome
from flywheel.api.etags import IfMatch, check_match
from flywheel.api.guards import Desk, MaybeClaimed, Operator, Reader
from flywheel.api.lineage_view import PolicyLineageView
from flywheel.api.names import PolicyId
from flywheel.api.pages import Page, PageSize, PageToken, page
from flywheel.api.plane import Plane
from flywheel.api.policy_view import PolicyView, shown, status_of
from flywheel.api.problems import documented
from flywheel.api.reasons import NeededReason, Reason
from flywheel.api.route import Route
from flywheel.api.turns import recorded_by, trained
from flywheel.core.commands import policies as commands
from flywheel.core.control import Control
from flywheel.core.entry import Claim, Draft
from flywheel.core.iteration import Stage
from flywheel.core.policy import PolicyVersion, Status

router = APIRouter(tags=["policies"], route_class=Route)


@router.get("/policies", responses=documented(400))
def list_policies(
    plane: Desk,
    who: Reader,
    status: Annotated[Status | None, Query(description="Only those that stand so", examples=["live"])] = None,
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> Page[PolicyView]:
    """Policy versions, the newest first."""
    control = plane.chronicle.control()

    def stands_so(number: int) -> bool:
        version = trained(plane.records, number)
        judged = outcome(plane, version, Stage.EVALUATE)
        return status_of(control, version.policy_id, judged) is status

    numbers = [some for some in recorded_by(plane.records, Stage.TRAIN) if status is None or stands_so(some)]
    return page(
        numbers,
        size=page_size,
        token=page_token,
        key=str,
        show=lambda number: shown(plane, control, trained(plane.records, number)),
    )


@router.get("/policies/{policy_id}", responses=documented(404, 409))
def get_policy(policy_id: PolicyId, plane: Desk, who: Reader) -> PolicyView:
    """One version: what it was made from, how it was judged, where it stands. 409: its manifest is damaged."""
    return shown(plane, plane.chronicle.control(), finished(plane, policy_id))


@router.get("/policies/{policy_id}/lineage", responses=documented(404, 409))
def get_policy_lineage(policy_id: PolicyId, plane: Desk, who: Reader) -> PolicyLineageView:
    """The data that it was trained on, counted, and its relatives. Reads all its labels: it may take a while."""
    finished(plane, policy_id)
    return PolicyLineageView.of(plane.lineage.policy(policy_id))


@router.post("/policies/{policy_id}:promote", status_code=202, responses=documented(404, 409, 412))
def promote_policy(
    policy_id: PolicyId,
    body: Reason,
    plane: Desk,
    who: Operator,
    claim: MaybeClaimed,
    if_match: IfMatch = None,
) -> PolicyView:
    """Make a version live. Past a gate that did not say promote, it needs a reason.

    409: no reason, it is live already, it was retired, or its files are damaged.
    """

    def command(control: Control, version: PolicyVersion) -> Draft:
        check_deployable(plane, policy_id)
        judged = outcome(plane, version, Stage.EVALUATE)
        gate = None if judged is None else (judged["decision"], judged["reason"])
        reason = commands.why(policy_id, gate=gate, reason=body.reason)
        return commands.promote(control, policy_id, by=who.name, reason=reason)

    return _changed(command, policy_id, plane, claim, if_match)


@router.post("/policies/{policy_id}:retire", responses=documented(404, 409, 412))
def retire_policy(
    policy_id: PolicyId,
    body: NeededReason,
    plane: Desk,
    who: Operator,
    claim: MaybeClaimed,
    if_match: IfMatch = None,
) -> PolicyView:
    """Never deploy a version again, not even by a rollback. 409: it is live, or retired already."""

    def command(control: Control, version: PolicyVersion) -> Draft:
        return commands.retire(control, policy_id, by=who.name, reason=body.reason)

    return _changed(command, policy_id, plane, claim, if_match)


def _changed(
    command: Callable[[Control, PolicyVersion], Draft],
    policy_id: str,
    plane: Plane,
    claim: Claim | None,
    if_match: str | None,
) -> PolicyView:
    version = finished(plane, policy_id)

    def decide(control: Control) -> Draft:
        check_match(if_match, shown(plane, control, version))
        return command(control, version)

    plane.chronicle.append(decide, claim=claim)
    plane.watch.nudge()
    return shown(plane, plane.chronicle.control(), version)
