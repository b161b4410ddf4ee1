"""What the commands that look after a store print: tables for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

PIPE_WIDTH = 10_000


def plain(value: Any) -> Any:
    """As JSON can hold it; arrays and sets become lists."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, frozenset | set):
        return sorted(plain(item) for item in value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return value.tolist() if hasattr(value, "tolist") else value


def print_json(value: Any) -> None:
    print(json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False))


def print_rows(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table under its title; nothing where there are no rows."""
    listed = [[str(cell) for cell in row] for row in rows]
    if not listed:
        return
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for index, column in enumerate(columns):
        numbers = all(row[index].replace(",", "").isdigit() for row in listed)
        table.add_column(column, overflow="fold", justify="right" if numbers else "left")
    for row in listed:
        table.add_row(*(cell.replace("[", "\\[") for cell in row))
    # A pipe has no width: what is read by a program is not folded.
    Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH).print(table)


def print_list(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table that was asked for: where there are no rows, that is said."""
    listed = list(rows)
    print_rows(title, columns, listed)
    if not listed:
        say(f"no {title}")


def print_lines(title: str, lines: Iterable[str]) -> None:
    """One line each, however long: names of objects must be in one piece. Nothing where there are none."""
    for number, line in enumerate(lines):
        if not number:
            say(f"{title}:")
        say(f"  {line}")


def say(text: str) -> None:
    Console(highlight=False).print(text, markup=False, soft_wrap=True)


def bytes_in_words(num_bytes: int) -> str:
    """In the largest unit that leaves a number of at least 1."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if num_bytes >= size:
            return f"{num_bytes / size:.1f} {unit}"
    return f"{num_bytes} bytes"


@contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int], None]]:
    """Bars on a terminal, one for each thing that is looked at; elsewhere nothing."""
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bars:
        tasks: dict[str, Any] = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield show
