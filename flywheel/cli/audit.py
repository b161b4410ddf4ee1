"""`flywheel audit`: who did what, when."""

from __future__ import annotations

from typing import Annotated

import typer

from flywheel.cli.asking import Ask, asking
from flywheel.cli.limits import Limit, first
from flywheel.cli.printing import print_rows


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
        (one.number, one.at, one.by, one.action, one.subject, one.before or "-", one.after or "-", one.reason or "-")
        for one in listed
    ]
    columns = ("entry", "at", "by", "action", "subject", "before", "after", "reason")
    ask.show(listed, lambda: print_rows("audit", columns, rows))
