"""The command line. `--help` imports neither Ray nor torch: what runs is imported when it runs."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from flywheel import config as configuration
from flywheel.cli import data, lineage, remote
from flywheel.cli.exits import WORDS, of_error
from flywheel.core.errors import ConfigError, FlywheelError

app = typer.Typer(
    help="A data flywheel for control policies: pretrain, deploy, collect, relabel, retrain.",
    epilog=WORDS,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(data.app, name="data")
app.add_typer(lineage.app, name="lineage")

remote.add_to(app)

ConfigFile = Annotated[Path, typer.Argument(help="A YAML file; see deploy/examples.", metavar="CONFIG")]
Store = Annotated[
    str | None,
    typer.Option(help="What keeps everything: a folder or s3://bucket/prefix. Default: runs/<name of the config>."),
]
Iterations = Annotated[
    int | None, typer.Option(min=0, help="Improvement iterations after iteration 0, which pretrains.")
]
Until = Annotated[
    float | None, typer.Option(min=0.0, max=1.0, help="Stop early at this mean success rate of the live version.")
]
AcceptVersion = Annotated[
    bool, typer.Option("--accept-version", help="Go on with an iteration that another release of flywheel began.")
]
Seed = Annotated[int | None, typer.Option(min=0, help="Instead of the config's.")]

DEMO = Path(__file__).parents[1] / "demo.yaml"


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
    accept_version: AcceptVersion = False,
) -> None:
    """Turn the wheel. The same command on the same store goes on where an interrupted run stopped."""
    _run(config, store=store, iterations=iterations, until=until, seed=seed, accept_version=accept_version)


@app.command()
def report(store: Annotated[str, typer.Argument(help="The store of a run, finished or not.")]) -> None:
    """Write report.json and report.html anew and print the table of success rates."""
    import_module("flywheel.launch").report(store, Console())


@app.command()
def check_config(config: ConfigFile) -> None:
    """Check a config, its task names included, without starting anything."""
    checked = _load(config)
    num_tasks = sum(len(suite.tasks) for suite in checked.suites)
    print(f"{config}: {checked.name}, {num_tasks} tasks, {checked.train.algorithm}: all settings are valid")


app.command()(lineage.recall)


def _load(path: Path) -> configuration.Config:
    """ConfigError names the file, the key and the value; of a task, the nearest names."""
    config = configuration.load(path)
    try:
        import_module("flywheel.environments.suites").check(config.suites)
    except ConfigError as failure:
        raise ConfigError(f"{path}: {failure}") from failure
    return config


def _run(
    path: Path,
    *,
    store: str | None,
    seed: int | None,
    iterations: int | None = None,
    until: float | None = None,
    accept_version: bool = False,
) -> None:
    config = _load(path)
    if seed is not None:
        config = config.model_copy(update={"seed": seed})
    launch = import_module("flywheel.launch")
    errand = launch.Errand(
        iterations=config.iterations if iterations is None else iterations,
        until=config.until if until is None else until,
        accept_version=accept_version,
    )
    exit_code = launch.run(config, store=store or f"runs/{config.name}", errand=errand, console=Console())
    raise typer.Exit(exit_code)


def main() -> None:
    """Every error that is meant for the user becomes one plain message and an exit code that says its kind."""
    try:
        app(prog_name="flywheel")
    except FlywheelError as failure:
        print(f"error: {failure}", file=sys.stderr)
        sys.exit(of_error(failure))
