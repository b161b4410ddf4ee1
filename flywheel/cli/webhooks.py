"""`flywheel webhooks`: who outside is told of what."""

from __future__ import annotations

from typing import Annotated

import typer

from flywheel.cli.asking import Ask, asking
from flywheel.cli.limits import Limit, first
from flywheel.cli.printing import print_list, say
from flywheel.cli.words import moment
from flywheel.core.webhook import TOLD

app = typer.Typer(no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The webhook's name.")]


@app.callback()
def webhooks() -> None:
    """Addresses outside that are told of what happens, in signed requests."""


@app.command()
@asking
def create(
    ask: Ask,
    name: Name,
    address: Annotated[str, typer.Argument(help="Where it is told: http or https.")],
    action: Annotated[
        list[str] | None, typer.Option(help=f"Of these: {', '.join(TOLD)}. May be repeated. Default: all of them.")
    ] = None,
) -> None:
    """Have an address told of what happens from now on."""
    made = ask.wheel.webhooks.create(name, address, action or TOLD)
    ask.show(made, lambda: say(f"webhook {name} is told of {', '.join(made.actions)}"))


@app.command("list")
@asking
def list_webhooks(ask: Ask, limit: Limit = 50) -> None:
    """List webhooks by name."""
    listed = first(ask.wheel.webhooks.all(), limit)
    rows = [(one.name, one.url, ", ".join(one.actions), one.created_by, moment(one.created_at)) for one in listed]
    ask.show(listed, lambda: print_list("webhooks", ("webhook", "address", "actions", "made by", "at"), rows))


@app.command()
@asking
def deliveries(ask: Ask, name: Name, limit: Limit = 50) -> None:
    """List what a webhook was told, and what nobody could tell it, the newest first."""
    listed = first(ask.wheel.webhooks.deliveries(name), limit)
    rows = [
        (
            one.entry,
            one.action,
            "yes" if one.delivered else "no",
            one.attempts,
            one.status or "-",
            one.error or "-",
            moment(one.finished_at),
        )
        for one in listed
    ]
    columns = ("entry", "action", "delivered", "attempts", "status", "error", "at")
    ask.show(listed, lambda: print_list("deliveries", columns, rows))


@app.command()
@asking
def delete(ask: Ask, name: Name) -> None:
    """Tell an address nothing any more."""
    ask.wheel.webhooks.delete(name)
    ask.show({"deleted": name}, lambda: say(f"webhook {name} is deleted"))
