"""Commands that start and end a service on this machine, or say how a cluster starts one."""

import json
import sys
from dataclasses import asdict
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer
import yaml

from flywheel import services
from flywheel.cli.starting import DEMO, Store, load
from flywheel.core.errors import ConfigError

MaybeConfig = Annotated[
    Path, typer.Argument(help="A YAML file; see deploy/examples. Default: the demo's.", metavar="[CONFIG]")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document instead of lines.")]


def up(
    config: MaybeConfig = DEMO,
    store: Store = None,
    as_json: Json = False,
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Be the service until SIGTERM, as a container wants it.")
    ] = False,
) -> None:
    """Start the service: REST API, policy endpoint and supervisor, on a Ray in place. It outlives this command."""
    checked = load(config)
    running = import_module("flywheel.hosting.running")
    store = store or f"runs/{checked.name}"
    if foreground:
        announce = partial(_print, as_json=as_json, standing="starts")
        raise typer.Exit(running.stay(checked, store, announce=announce))
    _print(running.up(checked, store), as_json=as_json, standing="is up")
    if not as_json:
        print("next:  flywheel iterate, flywheel status --watch; flywheel down ends it")


def _print(service: services.Service, *, as_json: bool, standing: str) -> None:
    if as_json:
        print(json.dumps(asdict(service), indent=2), flush=True)
        return
    print(f"{service.name} {standing}: {service.url}")
    print(f"store: {service.store}")
    print(f"metrics: {service.url}/metrics; all that Prometheus should scrape: {service.targets_file}")
    print(f"token: {service.token_file} (readable by you alone)", flush=True)


def down(name: Annotated[str | None, typer.Argument(help="Needed where several are up.")] = None) -> None:
    """End the service that `flywheel up` started, and nothing else. What was asked for goes on at the next start."""
    if name is None:
        running = [service.name for service in services.all() if service.is_up]
        if len(running) != 1:
            raise ConfigError(f"say which service to end; up: {', '.join(running) or 'none'}")
        (name,) = running
    service = import_module("flywheel.hosting.running").down(name)
    print(f"{service.name} has ended")


def serve_config(config: Annotated[Path, typer.Argument(help="A YAML file.")], store: Store = None) -> None:
    """Print Ray Serve's declarative config of the service, for `serve deploy` or a RayService."""
    checked = load(config)
    description = import_module("flywheel.hosting.description")
    yaml.safe_dump(description.serve_config(checked, store or f"runs/{checked.name}"), sys.stdout, sort_keys=False)
