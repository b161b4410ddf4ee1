"""Commands on policy versions and on which one is live."""

from __future__ import annotations

from typing import Annotated

import typer

from flywheel.cli.asking import Ask, asking, has_subcommand
from flywheel.cli.iterations import Key, Reason
from flywheel.cli.limits import Limit, first
from flywheel.cli.printing import print_list, print_rows, say
from flywheel.cli.words import moment, rate, rates
from flywheel.client import Policy

app = typer.Typer()

PolicyId = Annotated[str, typer.Argument(help="A policy version, such as policy-0003.", metavar="ID")]
NeededReason = Annotated[str, typer.Option(help="Why, for the history.")]


@app.callback(invoke_without_command=True)
@asking
def policies(
    ask: Ask,
    context: typer.Context,
    status: Annotated[str | None, typer.Option(help="Only candidate, live, rejected or retired ones.")] = None,
    limit: Limit = 20,
) -> None:
    """List policy versions, the newest first, or show one."""
    if has_subcommand(context):
        return
    listed = first(ask.wheel.policies.all(status=status), limit)
    rows = [
        (one.policy_id, one.status, one.iteration, one.parent or "-", rates(one.success), _gate(one)) for one in listed
    ]
    columns = ("policy version", "status", "iteration", "parent", "success in evaluation", "gate")
    ask.show(listed, lambda: print_list("policy versions", columns, rows))


@app.command()
@asking
def show(ask: Ask, policy_id: PolicyId) -> None:
    """Show what a version was made from, how it was judged, and when it was live."""
    found = ask.wheel.policies.get(policy_id)

    def in_words() -> None:
        say(f"{found.policy_id} is {found.status}; iteration {found.iteration}; sha256 {found.digest}")
        say(f"  parent: {found.parent or 'none'}; recalls: {', '.join(map(str, found.recalls)) or 'none'}")
        say(f"  trained on: {', '.join(f'{table} version {number}' for table, number in found.trained_on.items())}")
        say(f"  made live by deployments: {', '.join(map(str, found.deployments)) or 'none'}")
        if found.retirement is not None:
            say(f"  retired {found.retirement.at} by {found.retirement.by}: {found.retirement.reason}")
        if found.gate is None:
            say("  not judged yet")
            return
        say(f"  gate: {found.gate.decision}, {found.gate.reason}")
        before = {one.task: one for one in found.gate.live_success}
        rows = [(one.task, rate(one), rate(before.get(one.task))) for one in found.success]
        print_rows("evaluation", ("task", "success", f"{found.gate.live or 'nothing'}, live then"), rows)

    ask.show(found, in_words)


@app.command()
@asking
def lineage(ask: Ask, policy_id: PolicyId) -> None:
    """Count the episodes and labels that a version was trained on. It may take a while."""
    found = ask.wheel.policies.lineage(policy_id)

    def in_words() -> None:
        say(f"{found.policy_id}  parent: {found.parent or 'none'}; children: {', '.join(found.children) or 'none'}")
        if found.unreadable:
            say(f"its data cannot be read any more: {found.unreadable}")
        used = [(one.behaviour_policy, one.source, one.task, one.outcome, one.episodes) for one in found.episodes or ()]
        print_rows("episodes", ("behaviour policy", "source", "task", "outcome", "episodes"), used)
        labels = [(one.task, one.labeler, one.labeler_version, one.labels) for one in found.labels or ()]
        print_rows("labels", ("task", "labeler", "version", "labels"), labels)

    ask.show(found, in_words)


@asking
def promote(ask: Ask, policy_id: PolicyId, reason: Reason = "", key: Key = None) -> None:
    """Make a version live. Past a gate that did not say promote, it needs a --reason."""
    found = ask.wheel.policies.promote(policy_id, reason=reason, key=key)
    ask.show(found, lambda: say(f"{policy_id} is {found.status}"))


@asking
def rollback(
    ask: Ask,
    reason: NeededReason,
    policy_id: Annotated[
        str | None, typer.Argument(help="A version that was live once. Default: the one before.", metavar="ID")
    ] = None,
    key: Key = None,
) -> None:
    """Make an earlier version live again."""
    made = ask.wheel.deployments.roll_back(policy_id, reason=reason, key=key)
    ask.show(made, lambda: say(f"{made.policy_id} is live again, after {made.previous}"))


@asking
def retire(ask: Ask, policy_id: PolicyId, reason: NeededReason, key: Key = None) -> None:
    """Never deploy a version again, not even by a rollback."""
    found = ask.wheel.policies.retire(policy_id, reason=reason, key=key)
    ask.show(found, lambda: say(f"{policy_id} is {found.status}"))


@asking
def deployments(
    ask: Ask,
    at: Annotated[
        str | None, typer.Option(help="Only what was live at this time, such as 2026-01-05T12:00:00Z.", metavar="TIME")
    ] = None,
    policy_id: Annotated[str | None, typer.Option("--policy", help="Only of this version.")] = None,
    limit: Limit = 20,
) -> None:
    """List who made which version live, when and why, the newest first."""
    listed = first(ask.wheel.deployments.all(policy_id=policy_id, at=at), limit)
    rows = [
        (
            one.number,
            moment(one.at),
            one.policy_id,
            one.previous or "-",
            one.how.partition(".")[2],
            one.by,
            one.reason or "-",
        )
        for one in listed
    ]
    columns = ("deployment", "at", "live", "before", "how", "by", "reason")
    ask.show(listed, lambda: print_list("deployments", columns, rows))


def _gate(found: Policy) -> str:
    return "-" if found.gate is None else f"{found.gate.decision}: {found.gate.reason}"
