"""`flywheel audit`: who did what, when."""

from __future__ import annotations

from typing import Annotated

import typer

from flywheel.cli.asking import Ask, asking
from flywheel.cli.limits import Limit, first
from flywheel.cli.printing import print_list
from flywheel.cli.words import moment
from flywheel.client import Entry


@asking
def audit(
    ask: Ask,
    by: Annotated[str | None, typer.Option(help="Only what this one did, such as token:alice.")] = None,
    action: Annotated[str | None, typer.Option(help="Only this, such as policy.promoted.")] = None,
    subject: Annotated[str | None, typer.Option(help="Only to this, such as iterations/3.")] = None,
    limit: Limit = 50,
) -> None:
    """List who did what, the newest first, with the state before and after."""
    listed = first(ask.wheel.audit(by=by, action=action, subject=subject), limit)
    rows = [
        (one.number, moment(one.at), one.by, one.action, one.subject, _change(one), one.reason or "-") for one in listed
    ]
    columns = ("entry", "at", "by", "action", "subject", "change", "reason")
    ask.show(listed, lambda: print_list("audit", columns, rows))


def _change(entry: Entry) -> str:
    if entry.before == entry.after:
        return entry.after or "-"
    return f"{entry.before or 'nothing'} to {entry.after or 'nothing'}"
