"""`flywheel backup`, `restore` and `migrate`: what is done before and after something goes wrong, or is upgraded."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import import_module
from typing import Annotated, Any

import typer

from flywheel.cli.data import Json
from flywheel.cli.printing import bytes_in_words, print_json, print_lines, print_list, progress_bar, say
from flywheel.core.errors import ConfigError

app = typer.Typer(no_args_is_help=True)

Store = Annotated[str, typer.Argument(help="The store: a folder or s3://bucket/prefix.")]
Vault = Annotated[str, typer.Argument(help="Where points are kept: a folder or s3://bucket/prefix.")]
Point = Annotated[str, typer.Argument(help="VAULT for its newest point, or VAULT@POINT.", metavar="VAULT[@POINT]")]


@app.callback()
def backup() -> None:
    """Keep points of a store elsewhere. Exit code 1: something in the vault is damaged."""


@app.command()
def make(
    store: Store,
    vault: Vault,
    keep: Annotated[int | None, typer.Option(min=1, help="Then let older points go, all but so many.")] = None,
    verify: Annotated[
        bool, typer.Option(help="Then read everything that the point names, not only what is new.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Add a point: the store as it is now. Only what the vault lacks is copied; the service may go on."""
    module, opened = import_module("flywheel.backup.backing_up"), _opened(vault)
    whole = import_module("flywheel.store.whole").open_store(store, older=True)
    with progress_bar() as progress:
        made = module.back_up(whole, opened, now=datetime.now(UTC), progress=progress)
        problems = module.verify_point(opened, made.point, progress) if verify else []
    pruned = None if keep is None or problems else _pruned(opened, keep)
    if as_json:
        told = {"num_copied": made.num_copied, "bytes_copied": made.bytes_copied, "num_read": made.num_read}
        print_json({**_described(made.point), **told, "problems": problems, "pruned": pruned})
    else:
        copied = f"{made.num_copied} copied, {bytes_in_words(made.bytes_copied)}"
        say(f"point {made.point.name}: {_size(made.point)}; {copied}")
        print_lines("damaged", problems)
        _say_pruned(pruned)
    raise typer.Exit(1 if problems else 0)


@app.command(name="list")
def list_points(vault: Vault, as_json: Json = False) -> None:
    """Which points there are."""
    opened = _opened(vault)
    points = [opened.point(name) for name in opened.names()]
    if as_json:
        print_json([_described(point) for point in points])
    else:
        columns = ("point", "objects", "size", "entries of the chronicle", "made by")
        rows = [
            (point.name, len(point.objects), bytes_in_words(point.num_bytes), point.num_entries, point.taken_by)
            for point in points
        ]
        print_list("points", columns, rows)


@app.command()
def verify(point: Point, as_json: Json = False) -> None:
    """Read everything that a point names, and compare it with its digests."""
    vault, name = _named(point)
    found = vault.point(name)
    with progress_bar() as progress:
        problems = import_module("flywheel.backup.backing_up").verify_point(vault, found, progress)
    if as_json:
        print_json({**_described(found), "problems": problems})
    else:
        print_lines("damaged", problems)
        say(f"point {found.name}: {_size(found)}, {f'{len(problems)} damaged' if problems else 'all whole'}")
    raise typer.Exit(1 if problems else 0)


@app.command()
def prune(
    vault: Vault,
    keep: Annotated[int, typer.Option(min=1, help="Of the newest points, how many stay.")],
    as_json: Json = False,
) -> None:
    """Let older points go, and what they alone held."""
    pruned = _pruned(_opened(vault), keep)
    if as_json:
        print_json(pruned)
    else:
        _say_pruned(pruned)


def restore(point: Point, store: Store, as_json: Json = False) -> None:
    """Make a store of a point, in an empty folder or prefix, and verify it. Exit code 1: something is damaged."""
    vault, name = _named(point)
    found = vault.point(name)
    with progress_bar() as progress:
        objects = import_module("flywheel.store.objects").open_objects(store)
        written = import_module("flywheel.backup.restoring").restore(vault, found, objects, progress)
        opened = import_module("flywheel.store.whole").open_store(store, older=True)
        inspection = import_module("flywheel.upkeep.verify").verify(opened, progress=progress)
    if as_json:
        told = {"num_written": written, "damaged": inspection.damaged, "findings": inspection.findings}
        print_json({**_described(found), **told})
    else:
        say(f"point {found.name}: {_size(found)}, {written} written")
        wrong = [some for some in inspection.findings if some.kind in ("damage", "newer")]
        print_lines("found", (f"{some.kind}  {some.key}: {some.problem}" for some in wrong))
        say("damaged" if inspection.damaged else "nothing is damaged")
        if found.store_version < import_module("flywheel.store.identity").STORE_VERSION:
            say(f"of schema version {found.store_version}: `flywheel migrate {store}` is due")
    raise typer.Exit(1 if inspection.damaged else 0)


def migrate(
    store: Store,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    missing_ok: Annotated[
        bool, typer.Option("--missing-ok", help="Where no flywheel was ever run there is nothing to do.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a store of an older flywheel one of this flywheel's. The service may go on; repeating it does no harm."""
    whole, module = import_module("flywheel.store.whole"), import_module("flywheel.upkeep.migration")
    if missing_ok and not whole.is_store(store):
        steps = []
    else:
        opened = whole.open_store(store, older=True)
        with progress_bar() as progress:
            steps = module.plan_migration(opened) if dry_run else module.migrate(opened, progress)
    if as_json:
        print_json({"dry_run": dry_run, "steps": steps})
        return
    for step in steps:
        print_lines(f"from schema version {step.before} to {step.after}", step.done)
    if not steps:
        say("nothing to do: the store is new, or of this flywheel's schema version")
    else:
        say("nothing was changed; without --dry-run it is done" if dry_run else "done")


def _opened(vault: str) -> Any:
    return import_module("flywheel.backup.vault").open_vault(vault)


def _named(point: str) -> tuple[Any, str | None]:
    """The vault, and the point's name where one is given."""
    where, at, name = point.rpartition("@")
    if not at or "/" in name:  # A folder's name may hold one.
        where, name = point, ""
    if not where:
        raise ConfigError(f"{point}: give VAULT or VAULT@POINT")
    return _opened(where), name or None


def _pruned(vault: Any, keep: int) -> Any:
    return import_module("flywheel.backup.pruning").prune(vault, keep=keep, now=datetime.now(UTC))


def _say_pruned(pruned: Any) -> None:
    if pruned is not None:
        say(f"{len(pruned.points)} older points went, and {pruned.num_objects} objects that no point names")


def _described(point: Any) -> dict[str, Any]:
    named = ("name", "store_id", "store_version", "taken_by", "num_entries", "num_bytes")
    return {**{name: getattr(point, name) for name in named}, "num_objects": len(point.objects)}


def _size(point: Any) -> str:
    return f"{len(point.objects)} objects, {bytes_in_words(point.num_bytes)}"
