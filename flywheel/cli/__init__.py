"""The command line. `--help` imports neither Ray nor torch: what runs is imported when it runs."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from flywheel.cli import backup, data, gate, hosting, lineage, remote
from flywheel.cli.exits import WORDS, of_error
from flywheel.cli.starting import DEMO, AcceptVersion, Address, ConfigFile, Iterations, Seed, Store, Until, load
from flywheel.core.errors import FlywheelError

app = typer.Typer(
    help="A data flywheel for control policies: pretrain, deploy, collect, relabel, retrain.",
    epilog=WORDS,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(data.app, name="data")
app.add_typer(backup.app, name="backup")
app.add_typer(gate.app, name="gate")
app.add_typer(lineage.app, name="lineage")

remote.add_to(app)
for command in (hosting.up, hosting.down, hosting.serve_config, backup.restore, backup.migrate):
    app.command()(command)


@app.callback(invoke_without_command=True)
def root(show_version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if show_version:
        print(f"flywheel {version('flywheel')}")
        raise typer.Exit


@app.command()
def demo(store: Store = None, seed: Seed = None) -> None:
    """The whole loop on three Meta-World tasks, in under ten minutes on two cores."""
    _run(DEMO, store=store, seed=seed)


@app.command()
def run(
    config: ConfigFile,
    store: Store = None,
    iterations: Iterations = None,
    until: Until = None,
    seed: Seed = None,
    address: Address = None,
    accept_version: AcceptVersion = False,
) -> None:
    """Turn the wheel. The same command on the same store goes on where an interrupted run stopped."""
    _run(
        config,
        store=store,
        iterations=iterations,
        until=until,
        seed=seed,
        address=address,
        accept_version=accept_version,
    )


@app.command()
def report(store: Annotated[str, typer.Argument(help="The store of a run, finished or not.")]) -> None:
    """Write report.json and report.html anew and print the table of success rates."""
    import_module("flywheel.launch").report(store, Console())


@app.command()
def check_config(config: ConfigFile) -> None:
    """Check a config, its task names included, without starting anything."""
    checked = load(config)
    num_tasks = sum(len(suite.tasks) for suite in checked.suites)
    print(f"{config}: {checked.name}, {num_tasks} tasks, {checked.train.algorithm}: all settings are valid")


app.command()(lineage.recall)


def _run(
    path: Path,
    *,
    store: str | None,
    seed: int | None,
    iterations: int | None = None,
    until: float | None = None,
    address: str | None = None,
    accept_version: bool = False,
) -> None:
    config = load(path)
    if seed is not None:
        config = config.model_copy(update={"seed": seed})
    launch = import_module("flywheel.launch")
    errand = launch.Errand(
        iterations=config.iterations if iterations is None else iterations,
        until=config.until if until is None else until,
        accept_version=accept_version,
    )
    exit_code = launch.run(
        config, store=store or f"runs/{config.name}", errand=errand, console=Console(file=sys.stdout), address=address
    )
    raise typer.Exit(exit_code)


def main() -> None:
    """Every error that is meant for the user becomes one plain message and an exit code that says its kind."""
    try:
        app(prog_name="flywheel")
    except FlywheelError as failure:
        print(f"error: {failure}", file=sys.stderr)
        sys.exit(of_error(failure))
