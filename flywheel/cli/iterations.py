"""Commands on iterations."""

from __future__ import annotations

from typing import Annotated

import typer
import yaml

from flywheel.cli.asking import Ask, asking
from flywheel.cli.following import follow
from flywheel.cli.limits import Limit, first
from flywheel.cli.overriding import OverridesFile, Set, overrides
from flywheel.cli.printing import print_list, say
from flywheel.cli.words import because, moment
from flywheel.client import Iteration
from flywheel.core.control import IterationState

Number = Annotated[int, typer.Argument(min=0, help="The iteration's number; 0 is pretraining.", metavar="N")]
Reason = Annotated[str, typer.Option(help="Why, for the history.")]
Key = Annotated[
    str | None,
    typer.Option(help="Idempotency key: the command repeated with the same key, even after a crash, is done once."),
]


@asking
def iterate(
    ask: Ask,
    settings: Set = None,
    overrides_file: OverridesFile = None,
    reason: Reason = "",
    wait: Annotated[bool, typer.Option("--wait", help="Follow it to its end, and exit as it ends.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check, and print the config that it would have.")] = False,
    key: Key = None,
) -> None:
    """Ask for an improvement iteration. It starts when those before it are over.

    With --wait: exit code 0, its candidate was promoted; 1, it failed; 3, rejected; 4, cancelled.
    """
    wanted = overrides(settings, overrides_file)
    if dry_run:
        plan = ask.wheel.iterations.plan(overrides=wanted)
        text = (
            f"# iteration {plan.number} would have this config\n{yaml.safe_dump(dict(plan.settings), sort_keys=False)}"
        )
        ask.show(plan, lambda: say(text.rstrip()))
        return
    made = ask.wheel.iterations.create(overrides=wanted, reason=reason, key=key)
    if wait:
        raise typer.Exit(follow(ask, made.number))
    ask.show(made, lambda: say(f"iteration {made.number} is queued; `flywheel status --watch` shows how it goes"))


@asking
def iterations(
    ask: Ask,
    number: Annotated[int | None, typer.Argument(min=0, help="Only this one, in full.", metavar="N")] = None,
    state: Annotated[IterationState | None, typer.Option(help="Only those in this state.")] = None,
    limit: Limit = 20,
) -> None:
    """List iterations, the newest first, or show one."""
    if number is not None:
        found = ask.wheel.iterations.get(number)
        ask.show(found, lambda: show(found))
        return
    listed = first(ask.wheel.iterations.all(state=state), limit)
    ask.show(listed, lambda: print_list("iterations", COLUMNS, map(row, listed)))


@asking
def cancel(ask: Ask, number: Number, reason: Reason = "") -> None:
    """Stop an iteration. What it collected stays; what it used is free within seconds."""
    found = ask.wheel.iterations.cancel(number, reason=reason)
    over = found.state.is_terminal
    ask.show(found, lambda: say(f"iteration {number} is {'cancelled' if over else 'being cancelled'}"))


@asking
def retry(
    ask: Ask,
    number: Number,
    wait: Annotated[bool, typer.Option("--wait", help="Follow it to its end, and exit as it ends.")] = False,
    key: Key = None,
) -> None:
    """Ask for a new iteration with the settings of one that failed or was cancelled."""
    made = ask.wheel.iterations.retry(number, key=key)
    if wait:
        raise typer.Exit(follow(ask, made.number))
    ask.show(made, lambda: say(f"iteration {made.number} is queued, as iteration {number} was"))


@asking
def follow_one(ask: Ask, number: Number) -> None:
    """Print what happens to an iteration, from its beginning, until it is over; exit as it ends."""
    raise typer.Exit(follow(ask, number))


@asking
def approve(ask: Ask, number: Number, reason: Reason = "") -> None:
    """Let an iteration that waits deploy its candidate."""
    found = ask.wheel.iterations.approve(number, reason=reason)
    ask.show(found, lambda: say(f"iteration {number} is approved and goes on"))


@asking
def decline(ask: Ask, number: Number, reason: Reason = "") -> None:
    """End an iteration that waits without deploying its candidate."""
    found = ask.wheel.iterations.decline(number, reason=reason)
    ask.show(found, lambda: say(f"iteration {number} is {found.state}"))


COLUMNS = ("iteration", "state", "finished stages", "asked for by", "at", "campaign", "reason")


def row(found: Iteration) -> tuple[object, ...]:
    """Of a table of iterations."""
    campaign = "-" if found.campaign is None else found.campaign
    stages = ", ".join(found.stages) or "-"
    return (
        found.number,
        found.state,
        stages,
        found.requested_by,
        moment(found.requested_at),
        campaign,
        found.reason or "-",
    )


def show(found: Iteration) -> None:
    """Everything about one."""
    say(f"iteration {found.number} is {found.state}{because(found.reason)}")
    say(f"  finished stages: {', '.join(found.stages) or 'none'}")
    if found.progress is not None:
        say(f"  {found.progress.stage}: {found.progress.done} of {found.progress.total or 'unknown'}")
    times = (("asked for", found.requested_at), ("started", found.started_at), ("finished", found.finished_at))
    for what, at in times:
        if at is not None:
            say(f"  {what} {at}{f' by {found.requested_by}' if what == 'asked for' else ''}")
    for what, value in (
        ("campaign", found.campaign),
        ("retry of", found.retry_of),
        ("owner", found.owner),
        ("being cancelled by", found.cancel_requested_by),
        ("approved by", found.approved_by),
    ):
        if value is not None:
            say(f"  {what} {value}")
    settings = {name: value for name, value in found.overrides.items() if value is not None}
    if settings:
        say(f"  settings of its own: {settings}")
