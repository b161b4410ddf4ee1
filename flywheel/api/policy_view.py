"""A policy version as the API shows it: what it was made from, how it was judged, where it stands."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, Field

from flywheel.api.deployable import outcome
from flywheel.api.plane import Plane
from flywheel.api.successes import TaskSuccess, recorded
from flywheel.core.control import Control
from flywheel.core.gate import Decision
from flywheel.core.iteration import Stage
from flywheel.core.policy import PolicyVersion, Status

NOT_EVIDENCE = frozenset({"policy_id", "live", "tasks", "live_tasks", "decision", "reason", "evidence"})
"""Of an evaluation's record: what is shown under a name of its own."""


class GateView(BaseModel):
    """What the promotion gate decided, and on what evidence."""

    decision: Annotated[Decision, Field(description="What it answered", examples=["promote"])]
    reason: Annotated[str, Field(description="Why", examples=["mean success 0.980 against 0.950"])]
    live: Annotated[
        str | None, Field(description="What was live then, compared with; null: nothing", examples=["policy-0002"])
    ]
    live_success: Annotated[list[TaskSuccess], Field(description="Of that one, on the same initial states, by task")]
    evidence: Annotated[
        dict[str, Any],
        Field(
            description="All else that the evaluation recorded: pairs, looks with statistics and thresholds, "
            "the anchor, table versions",
            examples=[{"alpha": 0.02, "pairs": {"metaworld/reach-v3": "sssb"}, "episodes_version": 12}],
        ),
    ]


class RetirementView(BaseModel):
    """Why a version is never deployed again."""

    at: Annotated[str, Field(description="RFC 3339", examples=["2026-01-05T09:30:00.000Z"])]
    by: Annotated[str, Field(description="Who retired it", examples=["token:alice"])]
    reason: Annotated[str, Field(description="Why", examples=["trained on a loose camera"])]


class PolicyView(BaseModel):
    """A policy version."""

    policy_id: Annotated[str, Field(description="Its id", examples=["policy-0003"])]
    status: Annotated[
        Status,
        Field(
            description="live; retired: never deployed again; rejected: by the gate, and by no person promoted; "
            "candidate: any other, not judged yet or live once",
            examples=["live"],
        ),
    ]
    iteration: Annotated[int, Field(description="The iteration that trained it", examples=[3])]
    parent: Annotated[
        str | None,
        Field(description="The version whose weights training started from; null: fresh", examples=["policy-0002"]),
    ]
    digest: Annotated[str, Field(description="sha256 of its weights", examples=["9f86d081884c7d65"])]
    contract: Annotated[
        str | None, Field(description="Digest of what it sees and does; null: not known", examples=["5e884898da280471"])
    ]
    trained_on: Annotated[
        dict[str, int],
        Field(description="Table -> the version it trained on", examples=[{"episodes": 12, "labels": 9}]),
    ]
    recalls: Annotated[list[int], Field(description="Recalls whose episodes were left out", examples=[[1]])]
    success: Annotated[
        list[TaskSuccess], Field(description="In the evaluation of its iteration, by task; empty: not evaluated yet")
    ]
    gate: Annotated[GateView | None, Field(description="Null: not judged yet")]
    deployments: Annotated[list[int], Field(description="Numbers of those that made it live", examples=[[2, 5]])]
    retirement: Annotated[RetirementView | None, Field(description="Null: it is not retired")]


def shown(plane: Plane, control: Control, version: PolicyVersion) -> PolicyView:
    """Where it stands now."""
    judged = outcome(plane, version, Stage.EVALUATE)
    retired = control.retired.get(version.policy_id)
    return PolicyView(
        policy_id=version.policy_id,
        status=status_of(control, version.policy_id, judged),
        iteration=version.iteration,
        parent=version.parent,
        digest=version.digest,
        contract=version.contract,
        trained_on=dict(version.trained_on),
        recalls=list(version.recalls),
        success=recorded(judged["tasks"]) if judged else [],
        gate=_gate(judged) if judged else None,
        deployments=[some.number for some in control.deployments if some.policy_id == version.policy_id],
        retirement=RetirementView(at=retired.at, by=retired.by, reason=retired.reason) if retired else None,
    )


def status_of(control: Control, policy_id: str, judged: Mapping[str, Any] | None) -> Status:
    """`judged`: what its evaluation recorded."""
    if policy_id == control.live:
        return Status.LIVE
    if policy_id in control.retired:
        return Status.RETIRED
    was_live = any(some.policy_id == policy_id for some in control.deployments)
    rejected = judged is not None and judged["decision"] == Decision.REJECT
    return Status.REJECTED if rejected and not was_live else Status.CANDIDATE


def _gate(judged: Mapping[str, Any]) -> GateView:
    return GateView(
        decision=Decision(judged["decision"]),
        reason=judged["reason"],
        live=judged.get("live"),
        live_success=recorded(judged.get("live_tasks")),
        evidence={
            **{name: value for name, value in judged.items() if name not in NOT_EVIDENCE},
            **(judged.get("evidence") or {}),
        },
    )
