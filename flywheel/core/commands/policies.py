"""Commands on which policy version is live. Each answers with the entry to be made, or refuses. Pure."""

from dataclasses import replace

from flywheel.core.commands.iterations import check_owner
from flywheel.core.control import Control
from flywheel.core.entry import Action, Draft
from flywheel.core.errors import ConflictError
from flywheel.core.gate import Decision


def promote(control: Control, policy_id: str, *, by: str, reason: str, iteration: int | None = None) -> Draft:
    """Makes a version live. ConflictError: it is already, or was retired, or a person gave no reason."""
    return _deploy(control, policy_id, Action.POLICY_PROMOTED, by=by, reason=reason, iteration=iteration)


def promote_by_gate(
    control: Control,
    policy_id: str,
    *,
    iteration: int,
    judged_against: str | None,
    reason: str,
    owner: str | None = None,
) -> Draft | None:
    """None: it is live already. ConflictError: it was judged against a version that is not live any more.

    TakenOverError: another process than `owner` turns the iteration by now.
    """
    if control.live == policy_id:
        return None
    if owner is not None:
        check_owner(control, iteration, owner)
    if control.live != judged_against:
        raise ConflictError(
            f"{policy_id} was judged against {judged_against or 'no version'}, but now {control.live} is live"
        )
    draft = promote(control, policy_id, by="gate", reason=reason, iteration=iteration)
    return replace(draft, details={**draft.details, "owner": owner})


def why(policy_id: str, *, gate: tuple[str, str] | None, reason: str) -> str:
    """The reason of a promotion by a person; where the gate said promote, its own will do.

    `gate`: its decision and reason; None: it has not judged. ConflictError: it did not say so, and nobody says why.
    """
    if reason.strip():
        return reason
    if gate is None:
        raise ConflictError(f"{policy_id} was not judged by the gate: give a reason to promote it all the same")
    decision, grounds = gate
    if decision != Decision.PROMOTE:
        raise ConflictError(
            f"{policy_id}: the gate said {decision} ({grounds}): give a reason to promote it all the same"
        )
    return grounds


def roll_back(control: Control, *, by: str, reason: str, policy_id: str | None = None) -> Draft:
    """Makes an earlier version live again: the one before the live one, or a named one that was live once."""
    if not control.deployments:
        raise ConflictError("nothing was deployed yet")
    earlier = [some.policy_id for some in control.deployments if some.policy_id != control.live]
    if policy_id is None:
        policy_id = control.live_before
        if policy_id is None:
            raise ConflictError(f"{control.live} has no live version before it")
    elif policy_id not in earlier and policy_id != control.live:
        raise ConflictError(
            f"{policy_id} was never live; those that were: {', '.join(dict.fromkeys(earlier)) or 'none'}"
        )
    return _deploy(control, policy_id, Action.POLICY_ROLLED_BACK, by=by, reason=reason, iteration=None)


def retire(control: Control, policy_id: str, *, by: str, reason: str) -> Draft:
    """It is never deployed again. ConflictError: it is live, or retired already."""
    if policy_id == control.live:
        raise ConflictError(f"{policy_id} is live: promote or roll back to another one first")
    _check_not_retired(control, policy_id)
    return Draft(action=Action.POLICY_RETIRED, subject=f"policies/{policy_id}", by=by, reason=reason)


def _deploy(control: Control, policy_id: str, action: Action, *, by: str, reason: str, iteration: int | None) -> Draft:
    if policy_id == control.live:
        raise ConflictError(f"{policy_id} is live already")
    _check_not_retired(control, policy_id)
    if not reason.strip():
        raise ConflictError(f"{policy_id}: say why it should be live")
    return Draft(
        action=action,
        subject=f"policies/{policy_id}",
        by=by,
        reason=reason,
        before=control.live,
        after=policy_id,
        details={"iteration": iteration},
    )


def _check_not_retired(control: Control, policy_id: str) -> None:
    if policy_id in control.retired:
        raise ConflictError(f"{policy_id} was retired at {control.retired[policy_id].at}")
