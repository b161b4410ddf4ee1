"""`flywheel schedules`: what asks for iterations by itself."""

from __future__ import annotations

from typing import Annotated

import typer

from flywheel.cli.asking import Ask, asking
from flywheel.cli.limits import Limit, first
from flywheel.cli.overriding import OverridesFile, Set, overrides
from flywheel.cli.printing import print_list, say
from flywheel.cli.words import moment
from flywheel.client import Schedule, Trigger

app = typer.Typer(no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The schedule's name.")]


@app.callback()
def schedules() -> None:
    """Iterations at fixed times, after new episodes, or when success falls."""


@app.command()
@asking
def create(
    ask: Ask,
    name: Name,
    cron: Annotated[str | None, typer.Option(help="Five fields, in UTC: '0 3 * * *' is 3 in the morning.")] = None,
    new_episodes: Annotated[int | None, typer.Option(help="After so many episodes from outside.")] = None,
    success_below: Annotated[
        float | None, typer.Option(help="When the live version's success falls below this rate.")
    ] = None,
    settings: Set = None,
    overrides_file: OverridesFile = None,
) -> None:
    """Make a schedule with one trigger."""
    trigger = Trigger(cron=cron, new_episodes=new_episodes, success_below=success_below)
    made = ask.wheel.schedules.create(name, trigger, overrides=overrides(settings, overrides_file))
    ask.show(made, lambda: say(f"schedule {name} asks for an iteration {_when(made)}"))


@app.command("list")
@asking
def list_schedules(ask: Ask, limit: Limit = 50) -> None:
    """List schedules by name."""
    listed = first(ask.wheel.schedules.all(), limit)
    rows = [(one.name, _when(one), one.created_by, moment(one.fired_at), one.fired_for or "-") for one in listed]
    ask.show(listed, lambda: print_list("schedules", ("schedule", "fires", "made by", "fired last", "for"), rows))


@app.command()
@asking
def show(ask: Ask, name: Name) -> None:
    """Show a schedule and when it fired last."""
    found = ask.wheel.schedules.get(name)

    def in_words() -> None:
        say(f"schedule {name} asks for an iteration {_when(found)}")
        say(f"  made {found.created_at} by {found.created_by}")
        say(f"  fired last: {found.fired_at or 'never'}{f', for {found.fired_for}' if found.fired_for else ''}")

    ask.show(found, in_words)


@app.command()
@asking
def delete(ask: Ask, name: Name) -> None:
    """Delete a schedule. The iterations that it asked for stay."""
    ask.wheel.schedules.delete(name)
    ask.show({"deleted": name}, lambda: say(f"schedule {name} is deleted"))


def _when(found: Schedule) -> str:
    trigger = found.trigger
    if trigger.cron is not None:
        return f"at {trigger.cron}"
    if trigger.new_episodes is not None:
        return f"after {trigger.new_episodes} new episodes"
    return f"below a success of {trigger.success_below:g}"
