"""Commands on iterations. Each answers with the entry to be made, or refuses. Pure."""

from collections.abc import Mapping
from typing import Any

from flywheel.core.code_version import CODE_VERSION
from flywheel.core.control import Control, IterationState, IterationStatus
from flywheel.core.entry import Action, Draft
from flywheel.core.errors import ConflictError, TakenOverError, UnknownError
from flywheel.core.iteration import Iteration, Stage


def request(
    control: Control,
    *,
    by: str,
    overrides: Mapping[str, Any],
    max_queued: int,
    campaign: int | None = None,
    retry_of: int | None = None,
    occasion: str | None = None,
    reason: str = "",
) -> Draft:
    """Queues the next iteration. ConflictError: `max_queued` wait already; with 0, one that runs is in the way.

    `occasion`: what a schedule asks for it for.
    """
    waiting, current = control.queued, control.current
    if current is not None and max_queued == 0:
        raise ConflictError(f"iteration {current.number} is {current.state}, and this flywheel queues none")
    if waiting and len(waiting) >= max(1, max_queued):
        raise ConflictError(
            f"{len(waiting)} iterations are queued already, from {waiting[0].number} on: no more may be"
        )
    return Draft(
        action=Action.ITERATION_REQUESTED,
        subject=f"iterations/{control.next_iteration}",
        by=by,
        reason=reason,
        after=IterationState.QUEUED,
        details={
            "overrides": dict(overrides),
            "campaign": campaign,
            "retry_of": retry_of,
            "occasion": occasion,
        },
    )


def retry(control: Control, number: int, *, by: str, max_queued: int) -> Draft:
    """Queues a new iteration with the settings of one that failed or was cancelled: what is over stays over."""
    status = iteration(control, number)
    if status.state not in (IterationState.FAILED, IterationState.CANCELLED):
        raise ConflictError(f"iteration {number} is {status.state}: only one that failed or was cancelled is retried")
    return request(
        control, by=by, overrides=status.overrides, max_queued=max_queued, campaign=status.campaign, retry_of=number
    )


def begin_anew(control: Control, number: int, *, by: str, reason: str) -> Draft | None:
    """Queues an iteration in the place of one that nobody can finish, with its settings. None: that is done."""
    status = iteration(control, number)
    if any(some.retry_of == number for some in control.iterations.values()):
        return None
    return request(
        control,
        by=by,
        overrides=status.overrides,
        max_queued=len(control.queued) + 1,
        campaign=status.campaign,
        retry_of=number,
        reason=reason,
    )


def cancel(control: Control, number: int, *, by: str, reason: str = "") -> Draft:
    """One that does not run is over at once; one that runs is asked to stop. ConflictError: it is over already."""
    status = iteration(control, number)
    if status.state.is_terminal:
        raise ConflictError(f"iteration {number} is {status.state} already")
    if status.state is not IterationState.RUNNING:
        return finish(control, number, state=IterationState.CANCELLED, by=by, reason=reason)
    if status.cancel_requested_by is not None:
        raise ConflictError(f"iteration {number} is being cancelled already, by {status.cancel_requested_by}")
    return _about(status, Action.CANCEL_REQUESTED, by=by, reason=reason, after=status.state)


def start(
    control: Control,
    number: int,
    *,
    by: str,
    owner: str,
    seen: IterationStatus | None = None,
    handed_over: bool = False,
) -> Draft | None:
    """By who turns it from now on. None: that is known, or somebody else has it.

    `seen`: as it was when nobody turned it, so that of several who saw that one has it; None: whoever does gives way.
    `handed_over`: by who had it and ended in order.
    """
    status = iteration(control, number)
    if status.state is IterationState.RUNNING and status.owner == owner:
        return None
    if seen is not None and (status.state, status.owner) != (seen.state, seen.owner):
        return None
    details = {"owner": owner, "flywheel": CODE_VERSION, "handed_over": handed_over}
    return _about(status, Action.ITERATION_STARTED, by=by, after=IterationState.RUNNING, details=details)


def complete_stage(
    control: Control, number: int, stage: str, *, by: str, summary: Mapping[str, Any], owner: str | None = None
) -> Draft | None:
    """None: that is known. TakenOverError: as of `check_owner`."""
    status = iteration(control, number)
    check_owner(control, number, owner)
    if stage in status.stages:
        return None
    return _about(status, Action.STAGE_COMPLETED, by=by, after=status.state, details={"stage": stage, **summary})


def wait_for_approval(control: Control, number: int, *, by: str, reason: str) -> Draft | None:
    """None: it waits already, or was approved."""
    status = iteration(control, number)
    if status.approved_by is not None or status.state is IterationState.WAITING:
        return None
    return _about(status, Action.ITERATION_WAITING, by=by, reason=reason, after=IterationState.WAITING)


def approve(control: Control, number: int, *, by: str, reason: str) -> Draft:
    """Lets a waiting iteration deploy its candidate."""
    status = _waiting(control, number)
    return _about(status, Action.ITERATION_APPROVED, by=by, reason=reason, after=IterationState.RUNNING)


def decline(control: Control, number: int, *, by: str, reason: str) -> Draft:
    """A waiting iteration ends without deploying its candidate."""
    _waiting(control, number)
    return finish(control, number, state=IterationState.REJECTED, by=by, reason=reason)


def finish(
    control: Control,
    number: int,
    *,
    state: IterationState,
    by: str,
    reason: str,
    details: Mapping[str, Any] | None = None,
    owner: str | None = None,
) -> Draft:
    """ConflictError: it is over already. TakenOverError: as of `check_owner`."""
    status = iteration(control, number)
    if status.state.is_terminal:
        raise ConflictError(f"iteration {number} is {status.state} already")
    check_owner(control, number, owner)
    return _about(
        status,
        Action.ITERATION_FINISHED,
        by=by,
        reason=reason,
        after=state,
        details={"state": str(state), **(details or {})},
    )


def conclude(control: Control, turned: Iteration, *, by: str, owner: str | None = None) -> Draft | None:
    """How an iteration ended that was turned as far as it goes, or that it waits for approval. None: that is known.

    TakenOverError: as of `check_owner`.
    """
    number = turned.number
    if iteration(control, number).state.is_terminal:
        return None
    check_owner(control, number, owner)
    if turned.remaining():
        return wait_for_approval(control, number, by=by, reason=turned.outcomes[Stage.EVALUATE]["reason"])
    deployed = turned.outcomes[Stage.DEPLOY]
    state = IterationState.SUCCEEDED if deployed["deployed"] else IterationState.REJECTED
    return finish(control, number, state=state, by=by, reason=deployed["reason"])


def check_owner(control: Control, number: int, owner: str | None) -> None:
    """TakenOverError: the iteration is another process's by now. `owner`: who speaks of it; None: whoever may."""
    has = iteration(control, number).owner
    if owner is not None and has != owner:
        raise TakenOverError(f"iteration {number} was taken over by {has}")


def iteration(control: Control, number: int) -> IterationStatus:
    """UnknownError: there is none with this number."""
    if number not in control.iterations:
        raise UnknownError(f"there is no iteration {number}; the newest is {control.next_iteration - 1}")
    return control.iterations[number]


def _about(
    status: IterationStatus,
    action: Action,
    *,
    by: str,
    after: str,
    reason: str = "",
    details: Mapping[str, Any] | None = None,
) -> Draft:
    return Draft(
        action=action,
        subject=f"iterations/{status.number}",
        by=by,
        reason=reason,
        before=status.state,
        after=after,
        details=details or {},
    )


def _waiting(control: Control, number: int) -> IterationStatus:
    status = iteration(control, number)
    if status.state is not IterationState.WAITING:
        raise ConflictError(f"iteration {number} is {status.state}: it does not wait for approval")
    return status
