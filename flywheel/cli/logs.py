"""`flywheel logs`: what was logged about an iteration, asked of the service or read from its store."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Annotated, Any

import typer
from rich.console import Console

from flywheel.cli.asking import Ask, asking, print_json_line
from flywheel.cli.exits import Exit
from flywheel.cli.iterations import Number
from flywheel.cli.printing import say
from flywheel.core.errors import ConfigError
from flywheel.core.log_line import Level, LogLine
from flywheel.logs.lines import in_words

PAGE_SIZE = 500


@asking
def logs(
    ask: Ask,
    number: Number,
    level: Annotated[Level | None, typer.Option(help="Only what matters at least as much.")] = None,
    stage: Annotated[str | None, typer.Option(help="Only of this stage, such as train.")] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on until the iteration is over.")] = False,
    store: Annotated[
        str | None, typer.Option(help="Read this store instead of asking a service, which need not be there.")
    ] = None,
) -> None:
    """Print what was logged about an iteration. Times are of the day, in UTC."""
    if store is not None and follow:
        raise ConfigError("--follow asks a running service: leave out --store")
    if store is not None:
        lines = _stored(store, number, level, stage)
    elif follow:
        lines = ask.wheel.iterations.follow_logs(number, level=level, stage=stage)
    else:
        lines = ask.wheel.iterations.logs(number, level=level, stage=stage)
    try:
        _print(ask, number, lines)
    except KeyboardInterrupt:
        raise typer.Exit(Exit.INTERRUPTED) from None


def _print(ask: Ask, number: int, lines: Iterator[LogLine]) -> None:
    none = True
    for line in lines:
        none = False
        if ask.as_json:
            print_json_line(line)
        else:
            say(in_words(line))
    if none and not ask.as_json:
        Console(stderr=True).print(f"nothing is kept of what was logged about iteration {number}", markup=False)


def _stored(store: str, number: int, level: Level | None, stage: str | None) -> Iterator[LogLine]:
    """ConfigError: no flywheel was ever run there."""
    objects = import_module("flywheel.store.whole").open_store(store).objects
    kept: Any = import_module("flywheel.store.logs").ObjectLogs(objects=objects)
    after: str | None = None
    while True:
        page = kept.page(number, size=PAGE_SIZE, after=after, level=level, stage=stage)
        yield from page.lines
        after = page.after
        if after is None:
            return
