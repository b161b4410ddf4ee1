"""`flywheel campaign`: iterations until a goal is reached."""

from __future__ import annotations

from typing import Annotated

import typer

from flywheel.cli.asking import Ask, asking
from flywheel.cli.following import follow_campaign
from flywheel.cli.iterations import Key, Reason
from flywheel.cli.limits import Limit, first
from flywheel.cli.overriding import OverridesFile, Set, overrides
from flywheel.cli.printing import print_list, print_rows, say
from flywheel.cli.words import because, moment
from flywheel.client import Campaign, CampaignState, Goal

app = typer.Typer(no_args_is_help=True)

Number = Annotated[int, typer.Argument(min=1, help="The campaign's number.", metavar="N")]


@app.callback()
def campaign() -> None:
    """Iterations, one after the other, until a success rate, a plateau or a budget."""


@app.command()
@asking
def start(
    ask: Ask,
    until: Annotated[float | None, typer.Option(help="Mean success rate of the live version, from 0 to 1.")] = None,
    plateau: Annotated[int | None, typer.Option(help="Iterations in a row without a promotion.")] = None,
    max_iterations: Annotated[int | None, typer.Option(help="Budget of iterations.")] = None,
    max_episodes: Annotated[int | None, typer.Option(help="Budget of episodes, collected and evaluated.")] = None,
    max_hours: Annotated[float | None, typer.Option(help="Budget of hours.")] = None,
    settings: Set = None,
    overrides_file: OverridesFile = None,
    wait: Annotated[bool, typer.Option("--wait", help="Follow it to its end, and exit as it ends.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check, and start nothing.")] = False,
    key: Key = None,
) -> None:
    """Start a campaign. The first goal that is reached ends it; at least one is needed.

    With --wait: exit code 0, its success rate was reached, or it was for none and went to its end; 1, it failed; 3, its
    success rate was not reached; 4, cancelled.
    """
    goal = Goal(
        until=until,
        plateau=plateau,
        max_iterations=max_iterations,
        max_episodes=max_episodes,
        max_hours=max_hours,
    )
    wanted = overrides(settings, overrides_file)
    if dry_run:
        plan = ask.wheel.campaigns.plan(goal, overrides=wanted)
        ask.show(plan, lambda: say(f"it would be campaign {plan.number}: {_in_words(goal)}"))
        return
    made = ask.wheel.campaigns.create(goal, overrides=wanted, key=key)
    if wait:
        raise typer.Exit(follow_campaign(ask, made.number))
    ask.show(made, lambda: say(f"campaign {made.number} is {made.state}: {_in_words(made.goal)}"))


@app.command()
@asking
def pause(ask: Ask, number: Number, reason: Reason = "") -> None:
    """Let the iteration that runs end as it would, and begin no other."""
    _say_state(ask, ask.wheel.campaigns.pause(number, reason=reason))


@app.command()
@asking
def resume(ask: Ask, number: Number, reason: Reason = "") -> None:
    """Go on with a campaign that was paused."""
    _say_state(ask, ask.wheel.campaigns.resume(number, reason=reason))


@app.command()
@asking
def cancel(ask: Ask, number: Number, reason: Reason = "") -> None:
    """End a campaign, and cancel its iteration that is queued or runs."""
    _say_state(ask, ask.wheel.campaigns.cancel(number, reason=reason))


@app.command("list")
@asking
def list_campaigns(
    ask: Ask,
    state: Annotated[CampaignState | None, typer.Option(help="Only those in this state.")] = None,
    limit: Limit = 20,
) -> None:
    """List campaigns, the newest first."""
    listed = first(ask.wheel.campaigns.all(state=state), limit)
    rows = [
        (one.number, one.state, _in_words(one.goal), one.num_iterations, one.requested_by, one.reason or "-")
        for one in listed
    ]
    columns = ("campaign", "state", "goal", "iterations", "asked for by", "reason")
    ask.show(listed, lambda: print_list("campaigns", columns, rows))


@app.command()
@asking
def show(ask: Ask, number: Number) -> None:
    """Show a campaign and its iterations."""
    found = ask.wheel.campaigns.get(number)

    def in_words() -> None:
        say(f"campaign {found.number} is {found.state}{because(found.reason)}")
        say(f"  goal: {_in_words(found.goal)}")
        say(f"  asked for {moment(found.requested_at)} by {found.requested_by}")
        rows = [(one.number, one.state, one.reason or "-") for one in found.iterations]
        print_rows("iterations", ("iteration", "state", "reason"), rows)

    ask.show(found, in_words)


def _say_state(ask: Ask, found: Campaign) -> None:
    ask.show(found, lambda: say(f"campaign {found.number} is {found.state}"))


def _in_words(goal: Goal) -> str:
    words = {
        "success of {:g}": goal.until,
        "{} iterations without promotion": goal.plateau,
        "{} iterations": goal.max_iterations,
        "{} episodes": goal.max_episodes,
        "{:g} hours": goal.max_hours,
    }
    return " or ".join(text.format(value) for text, value in words.items() if value is not None)
