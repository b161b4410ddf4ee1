"""`flywheel tokens`: who may come in. Only `create` ever prints a secret."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from flywheel.cli.asking import Ask, asking
from flywheel.cli.limits import Limit, first
from flywheel.cli.printing import plain, print_json, print_list, say
from flywheel.cli.words import moment
from flywheel.client import Scope

app = typer.Typer(no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The token's name, as the history will have it.")]


@app.callback()
def tokens() -> None:
    """Make, list and revoke the tokens that the API and the policy endpoint ask for."""


@app.command()
@asking
def create(
    ask: Ask,
    name: Name,
    scope: Annotated[
        list[Scope],
        typer.Option(
            help="read: see everything but secrets; operate: start, stop, promote, and read; act: ask the policy "
            "endpoint; admin: all, and tokens and webhooks. May be repeated."
        ),
    ],
    expires_in_days: Annotated[
        float | None, typer.Option(min=0.0, help="After so many days it is no longer valid. Default: never.")
    ] = None,
) -> None:
    """Make a token and print it, alone on standard output. It is shown this once; the service keeps only its hash."""
    expires_at = None if expires_in_days is None else datetime.now(UTC) + timedelta(days=expires_in_days)
    made = ask.wheel.tokens.create(name, scope, expires_at=expires_at)
    if ask.as_json:
        print_json(plain(made))
    else:
        print(made.secret)


@app.command("list")
@asking
def list_tokens(ask: Ask, limit: Limit = 50) -> None:
    """List tokens by name, also those that are no longer valid."""
    listed = first(ask.wheel.tokens.all(), limit)
    rows = [
        (
            one.name,
            ", ".join(one.scopes),
            "yes" if one.is_valid else "revoked" if one.revoked_at else "expired",
            one.created_by,
            moment(one.created_at),
            moment(one.expires_at),
        )
        for one in listed
    ]
    columns = ("token", "scopes", "valid", "made by", "at", "expires")
    ask.show(listed, lambda: print_list("tokens", columns, rows))


@app.command()
@asking
def revoke(ask: Ask, name: Name) -> None:
    """End a token at once."""
    found = ask.wheel.tokens.revoke(name)
    ask.show(found, lambda: say(f"token {name} is revoked"))


@asking
def whoami(ask: Ask) -> None:
    """Say whose token is used, and what it may do."""
    found = ask.wheel.whoami()
    ask.show(found, lambda: say(f"{found.name}: {', '.join(found.scopes)}, at {ask.wheel.url}"))
