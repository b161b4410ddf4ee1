"""`flywheel status`: where everything stands, once or as it changes."""

from __future__ import annotations

from itertools import count
from time import sleep
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from flywheel.cli.asking import Ask, asking, print_json_line
from flywheel.cli.exits import Exit
from flywheel.cli.picture import headline, lines, picture
from flywheel.cli.printing import say
from flywheel.cli.standing import Standing, look
from flywheel.core.errors import ApiBusyError, UnreachableError


@asking
def status(
    ask: Ask,
    watch: Annotated[bool, typer.Option("--watch", help="Go on showing it as it changes, until Ctrl-C.")] = False,
    every_s: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks, with --watch.")] = 2.0,
) -> None:
    """Show the iteration that runs, what is live and how well it does, the last iterations, and the campaign.

    With --watch: a live picture on a terminal, a line for each change elsewhere, with --json a line of JSON for each.
    """
    if not watch:
        standing = look(ask.wheel)
        ask.show(standing, lambda: say("\n".join(lines(standing))))
        return
    try:
        _watch(ask, every_s)
    except KeyboardInterrupt:
        raise typer.Exit(Exit.DONE) from None


def _watch(ask: Ask, every_s: float) -> None:
    """The first look must succeed. A later one may fail: what was seen last stays, and it is said."""
    console = Console()
    with Live(console=console, auto_refresh=False) as live:
        seen = look(ask.wheel)
        for turn in count():
            trouble = ""
            if turn:
                sleep(every_s)
                try:
                    now = look(ask.wheel)
                except (UnreachableError, ApiBusyError) as failure:
                    now, trouble = seen, str(failure)
            else:
                now = seen
            if console.is_terminal and not ask.as_json:
                live.update(picture(now, trouble=trouble), refresh=True)
            elif turn == 0 or now != seen:
                _print_change(now, as_json=ask.as_json)
            seen = now


def _print_change(standing: Standing, *, as_json: bool) -> None:
    if as_json:
        print_json_line(standing)
    else:
        print(headline(standing), flush=True)
