"""What the commands that start something take."""

from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from flywheel import config as configuration
from flywheel.core.errors import ConfigError

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
    bool, typer.Option("--accept-version", help="Go on with an iteration that another loop version of flywheel began.")
]
Address = Annotated[
    str | None,
    typer.Option(
        envvar="RAY_ADDRESS",
        metavar="HOST:PORT",
        help="The head of a Ray cluster to run on. Default: a Ray of its own, on this machine.",
    ),
]
Seed = Annotated[int | None, typer.Option(min=0, help="Instead of the config's.")]

DEMO = Path(__file__).parents[1] / "demo.yaml"


def load(path: Path) -> configuration.Config:
    """ConfigError names the file, the key and the value; of a task, the nearest names."""
    config = configuration.load(path)
    try:
        import_module("flywheel.environments.suites").check(config.suites)
    except ConfigError as failure:
        raise ConfigError(f"{path}: {failure}") from failure
    return config
