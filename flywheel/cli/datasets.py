"""`flywheel datasets`: what each iteration trained on."""

from __future__ import annotations

from typing import Annotated

import typer

from flywheel.cli.asking import Ask, asking
from flywheel.cli.iterations import Number
from flywheel.cli.limits import Limit, first
from flywheel.cli.printing import print_list, print_rows, say

app = typer.Typer(no_args_is_help=True)


@app.callback()
def datasets() -> None:
    """What each iteration trained on, and what changed from one to another."""


@app.command("list")
@asking
def list_datasets(ask: Ask, limit: Limit = 20) -> None:
    """List what each iteration trained on, the newest first."""
    listed = first(ask.wheel.datasets.all(), limit)
    rows = [
        (
            one.iteration,
            one.policy_id,
            ", ".join(f"{table} {version}" for table, version in one.versions.items()),
            ", ".join(f"{source} {share:.0%}" for source, share in one.shares.get("source", {}).items()) or "-",
            ", ".join(map(str, one.recalls)) or "-",
        )
        for one in listed
    ]
    columns = ("iteration", "policy version", "table versions", "batches held", "recalls")
    ask.show(listed, lambda: print_list("datasets", columns, rows))


@app.command()
@asking
def diff(
    ask: Ask,
    number: Number,
    since: Annotated[
        int | None, typer.Option(min=0, help="The iteration to compare with. Default: the one before.", metavar="N")
    ] = None,
) -> None:
    """Show what changed from what one iteration trained on to another."""
    found = ask.wheel.datasets.difference(number, since=since)

    def in_words() -> None:
        say(f"iteration {found.iteration}, compared with iteration {found.since}")
        rows = [(one.key, one.before, one.now) for one in found.changes]
        print_rows("changed", ("what", "before", "now"), rows)
        added = [
            (kind, name, f"{share:+.1%}") for kind, shares in found.shares.items() for name, share in shares.items()
        ]
        print_rows("added to a batch's shares", ("by", "which", "share"), added)

    ask.show(found, in_words)
