"""`flywheel data import`, `export` and `sql`. Exit code 2: the files, the query or the arguments are wrong."""

from __future__ import annotations

import csv
import json
import math
import sys
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from flywheel import config as configuration
from flywheel.cli.printing import print_json
from flywheel.core.episode import Outcome, Source

Store = Annotated[str, typer.Option(help="The store.")]
Format = Annotated[str, typer.Option("--format", help="parquet, arrow, minari, minari-arrow, lerobot or rllib.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print plain JSON.")]

CELL_WIDTH = 60
PIPED_WIDTH = 10_000


def add(app: typer.Typer) -> None:
    """Registers the commands."""
    app.command("import")(import_command)
    app.command("export")(export_command)
    app.command("sql")(sql_command)


def import_command(
    path: Annotated[Path, typer.Argument(help="A file, or the folder of a dataset.")],
    store: Store,
    file_format: Format,
    task: Annotated[str | None, typer.Option(help="Of all the episodes; where the files do not say.")] = None,
    take: Annotated[
        list[str] | None, typer.Option(help="MODALITY from another name, NAME=MODALITY or NAME[FIRST:END]=MODALITY.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="Make the store this config's, if it is new.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check the episodes of files against their task and add them, all or none. They are labelled and trained on by
    the next iteration; the same episodes are added once."""
    if config is not None:
        import_module("flywheel.wiring").check(configuration.load(config), store)
    done = _desk().import_files(store, path, file_format=file_format, task=task, takes=take or [])
    if as_json:
        print_json(
            {
                "added": dict(done.added),
                "repeated": done.repeated,
                "crashed": done.crashed,
                "episodes_version": done.episodes_version,
                "transaction": done.transaction,
            }
        )
        return
    added = ", ".join(f"{task} {count}" for task, count in sorted(done.added.items())) or "nothing"
    print(f"added: {added}")
    if done.repeated:
        print(f"there already: {done.repeated}")
    if done.crashed:
        print(f"left out, they ended by an error: {done.crashed}")


def export_command(
    store: Store,
    file_format: Format,
    out: Annotated[Path, typer.Option(help="A new folder.")],
    task: Annotated[list[str] | None, typer.Option(help="Only these tasks.")] = None,
    source: Annotated[list[Source] | None, typer.Option(help="Only these sources.")] = None,
    policy: Annotated[list[str] | None, typer.Option(help="Only episodes of these policy versions.")] = None,
    outcome: Annotated[list[Outcome] | None, typer.Option(help="Only these outcomes.")] = None,
    version: Annotated[int | None, typer.Option(min=0, help="Of the table of episodes. Default: the newest.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write episodes as a dataset of another format."""
    selection = import_module("flywheel.exchange.exporting").Selection(
        tasks=tuple(task or ()),
        sources=tuple(source or ()),
        policies=tuple(policy or ()),
        outcomes=tuple(outcome or ()),
    )
    done = _desk().export_files(store, out, file_format=file_format, selection=selection, version=version)
    if as_json:
        print_json({"episodes": dict(done.episodes), "decisions": done.decisions, "crashed": done.crashed})
        return
    for name, count in sorted(done.episodes.items()):
        print(f"{name}: {count} episodes")
    print(f"{out}: {done.decisions} decisions")
    if done.crashed:
        print(f"left out, they ended by an error: {done.crashed}")


def sql_command(
    query: Annotated[str, typer.Argument(help="SELECT ... FROM episodes, labels.")],
    store: Store,
    limit: Annotated[int, typer.Option(min=1, help="Rows that the table shows; JSON and CSV have all.")] = 50,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
) -> None:
    """Ask the episodes and their labels."""
    if as_json and as_csv:
        raise typer.BadParameter("--json and --csv: choose one")
    answer = _desk().query(store, query)
    names, found = answer.names, answer.rows()
    if as_json:
        print_json([dict(zip(names, map(_json, row), strict=True)) for row in found])
    elif as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([[_cell(value) for value in row] for row in found])
    else:
        _print_table(names, list(islice(found, limit + 1)), limit)


def _desk() -> Any:
    return import_module("flywheel.exchange.desk")


def _print_table(names: list[str], rows: list[tuple[Any, ...]], limit: int) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in names:
        table.add_column(name, no_wrap=True)
    for row in rows[:limit]:
        texts = [_cell(value) for value in row]
        table.add_row(*(text if len(text) <= CELL_WIDTH else f"{text[: CELL_WIDTH - 3]}..." for text in texts))
    # What is piped is not cut to the width of a terminal that is not there.
    width = None if sys.stdout.isatty() else PIPED_WIDTH
    Console(width=width, highlight=False, markup=False).print(table)
    if len(rows) > limit:
        print(f"the first {limit} rows; --limit, --json or --csv show more")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return json.dumps(value, default=str) if isinstance(value, list | dict) else str(value)


def _json(value: Any) -> Any:
    """JSON has neither times nor numbers that are none."""
    if isinstance(value, list):
        return [_json(item) for item in value]
    if isinstance(value, dict):
        return {name: _json(item) for name, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
