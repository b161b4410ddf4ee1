"""`flywheel data`: what keeps a store's data whole, small and known. Exit code 1: something is damaged or failed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from flywheel import config as configuration
from flywheel.cli import exchange, filming
from flywheel.cli.printing import bytes_in_words, print_json, print_lines, print_rows, progress_bar, say
from flywheel.core.errors import FlywheelError

app = typer.Typer(no_args_is_help=True)

Store = Annotated[str, typer.Option(help="The store of a run, finished or not.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Yes = Annotated[bool, typer.Option("--yes/--dry-run", help="Do it. Otherwise only what would be done is shown.")]
Settings = Annotated[
    Path | None,
    typer.Option("--config", help="Take the section `retention` of this file, not of what the store was made with."),
]


@app.callback()
def data() -> None:
    """Look after the episodes and everything else that a store holds."""


@app.command()
def verify(
    store: Store,
    quick: Annotated[bool, typer.Option(help="Compare names and sizes: read no weights, rows or logs.")] = False,
    as_json: Json = False,
) -> None:
    """Check that everything that a record, a manifest or a table names is there and is what was written."""
    with progress_bar() as progress:
        found = import_module("flywheel.upkeep.verify").verify(_opened(store), quick=quick, progress=progress)
    if as_json:
        print_json({"damaged": found.damaged, "counts": found.counts, "findings": found.findings})
    else:
        print_rows("looked at", ("what", "number"), ((what, f"{number:,}") for what, number in found.counts.items()))
        _print_findings("found", found.findings)
        say("damaged" if found.damaged else "nothing is damaged")
    raise typer.Exit(1 if found.damaged else 0)


@app.command()
def repair(store: Store, yes: Yes = False, as_json: Json = False) -> None:
    """Move what is damaged to quarantine, and commit episodes that are complete and were never committed."""
    opened, module = _opened(store), import_module("flywheel.upkeep.repair")
    with progress_bar() as progress:
        found = import_module("flywheel.upkeep.verify").verify(opened, progress=progress)
    plan = module.plan_repair(opened, found, _rescues(opened, found))
    record = module.repair(opened, plan) if yes else None
    if as_json:
        rescued = {rescue.transaction: len(rescue.episodes) for rescue in plan.rescues}
        shown = {"moves": plan.moves, "dropped": plan.dropped, "orphans": plan.orphans, "commits": rescued}
        print_json({**shown, "beyond": plan.beyond, "record": record})
    else:
        print_lines("to quarantine", (f"{move.key}: {move.why}" for move in plan.moves))
        commits = [(rescue.transaction, len(rescue.episodes)) for rescue in plan.rescues]
        print_rows("to commit", ("transaction", "episodes"), commits)
        dropped = [f"{table}: the rows of {path}" for table, path in plan.dropped]
        orphans = [f"labels: those of {episode_id}" for episode_id in sorted(plan.orphans)]
        print_lines("left out of the next version", [*dropped, *orphans])
        _print_findings("beyond repair: bring back from a copy of the store", plan.beyond)
        _say_what_was_done(nothing=plan.empty, record=record)
    raise typer.Exit(1 if plan.beyond else 0)


@app.command()
def compact(
    store: Store,
    target_mb: Annotated[float, typer.Option(min=1.0, help="Size of a large file, in MB.")] = 128.0,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Put the rows of many small files into few large ones. Every version reads as before."""
    opened, module = _opened(store), import_module("flywheel.upkeep.compaction")
    batches = module.plan_compaction(opened, target_bytes=int(target_mb * 10**6))
    with progress_bar() as progress:
        done = module.compact(opened, batches, progress) if yes else []
    rows = [(some.table, len(some.files), some.num_rows, bytes_in_words(some.num_bytes)) for some in batches]
    if as_json:
        print_json(
            {"batches": [dict(zip(("table", "files", "rows"), row[:3], strict=True)) for row in rows], "done": done}
        )
    else:
        print_rows("files that become one", ("table", "files", "rows", "size"), rows)
        for some in done:
            say(f"{some.table}: {some.files_before} files are {some.files_after} in version {some.version}")
        _say_what_was_done(nothing=not batches, record="compacted" if done else None)


@app.command()
def retain(store: Store, config: Settings = None, yes: Yes = False, as_json: Json = False) -> None:
    """Leave out of the next versions what the retention rules let go. Older versions stay readable until `gc`."""
    opened, module = _opened(store), import_module("flywheel.upkeep.retention")
    settings = _retention(store, config)
    plan = module.plan_retention(opened, settings.rules)
    with progress_bar() as progress:
        done = module.retain(opened, plan, progress) if yes else []
    rows = [(*what, number) for what, number in sorted(plan.counts.items())]
    if as_json:
        columns = ("task", "source", "outcome", "iteration", "episodes")
        leaving = [dict(zip(columns, row, strict=True)) for row in rows]
        print_json({"leaving": leaving, "staying": plan.num_kept, "done": done})
    else:
        print_rows("episodes that go", ("task", "source", "outcome", "iteration", "episodes"), rows)
        say(f"{len(plan.episode_ids)} episodes go, {plan.num_kept} stay; {len(settings.rules)} rules")
        for some in done:
            say(f"{some.table}: version {some.version} leaves out {some.num_rows} rows")
        _say_what_was_done(nothing=not plan.episode_ids, record="done" if done else None)


@app.command()
def gc(
    store: Store,
    config: Settings = None,
    rollback_versions: Annotated[
        int | None, typer.Option(min=0, help="Versions that were live before and whose data stays.")
    ] = None,
    grace_hours: Annotated[float | None, typer.Option(min=0.0, help="Younger files stay.")] = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Delete files that no version holds which is newest, live, ready to roll back to, or of the last iteration."""
    opened, module = _opened(store), import_module("flywheel.upkeep.garbage")
    settings = _retention(store, config)
    hours = settings.grace_hours if grace_hours is None else grace_hours
    plan = module.plan_garbage(
        opened,
        rollback_versions=settings.rollback_versions if rollback_versions is None else rollback_versions,
        grace=timedelta(hours=hours),
        now=datetime.now(UTC),
        video_age=None if settings.video_days is None else timedelta(days=settings.video_days),
        max_log_age_iterations=settings.max_log_age_iterations,
    )
    with progress_bar() as progress:
        records = module.collect_garbage(opened, plan, progress) if yes else []
    if as_json:
        print_json({"garbage": plan.garbage, "num_bytes": plan.num_bytes, "kept": plan.kept, "records": records})
    else:
        print_lines("objects that go", (_garbage_in_words(some.entry) for some in plan.garbage))
        kept = [(table, ", ".join(map(str, sorted(versions)))) for table, versions in plan.kept.versions.items()]
        print_rows("versions that stay readable", ("table", "versions"), kept)
        say(f"{len(plan.garbage)} objects, {bytes_in_words(plan.num_bytes)}")
        say(f"kept for {', '.join(plan.kept.policies) or 'no policy version'}")
        _say_what_was_done(nothing=not plan.garbage, record=", ".join(records) or None)


exchange.add(app)
filming.add(app)


def _opened(store: str) -> Any:
    return import_module("flywheel.store.whole").open_store(store)


def _rescues(store: Any, found: Any) -> list[Any]:
    """None where the configuration cannot be read: the repair says why."""
    try:
        plan = import_module("flywheel.wiring").plan_of(store.url)
    except FlywheelError:
        return []
    return list(import_module("flywheel.upkeep.rescue").plan_rescue(store, found.ledger, plan))


def _retention(store: str, path: Path | None) -> configuration.RetentionConfig:
    if path is not None:
        return configuration.load(path).retention
    objects = import_module("flywheel.store.objects").open_objects(store)
    found = import_module("flywheel.store.identity").configuration(objects)
    return configuration.RetentionConfig() if found is None else configuration.parse(found, origin=store).retention


def _print_findings(title: str, findings: Any) -> None:
    """Objects with the same problem share a line where they are no damage: there may be thousands of leftovers."""
    lines: dict[Any, list[str]] = {}
    for some in findings:
        apart = some.key if some.kind in ("damage", "newer") else None
        lines.setdefault((some.kind, some.area, some.problem, apart), []).append(some.key)
    print_lines(
        title,
        (
            f"{kind}  {keys[0]}{f' and {len(keys) - 1} more' if len(keys) > 1 else ''}: {problem}"
            for (kind, _, problem, _), keys in lines.items()
        ),
    )


def _garbage_in_words(entry: Any) -> str:
    return f"{entry.key}: {bytes_in_words(entry.num_bytes)}, written {entry.modified_at:%Y-%m-%d %H:%M} UTC"


def _say_what_was_done(*, nothing: bool, record: str | None) -> None:
    if nothing:
        say("nothing to do")
    else:
        say(f"done: {record}" if record else "nothing was changed; --yes does it")
