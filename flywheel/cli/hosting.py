"""Commands that start and end a service on this machine, or say how a cluster starts one."""

import json
import sys
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


def up(config: MaybeConfig = DEMO, store: Store = None, as_json: Json = False) -> None:
    """Start the service: REST API, policy endpoint and supervisor, on a Ray in place. It outlives this command."""
    checked = load(config)
    service = import_module("flywheel.hosting.running").up(checked, store or f"runs/{checked.name}")
    if as_json:
        print(json.dumps({name: getattr(service, name) for name in service.__dataclass_fields__}, indent=2))
        return
    print(f"{service.name} is up: {service.url}")
    print(f"store: {service.store}")
    print(f"metrics: {service.url}/metrics, {service.url}/policy/metrics; Ray's own: {service.ray_metrics_url}")
    print(f"token: {service.token_file} (readable by you alone)")
    print("next:  flywheel iterate, flywheel status --watch; flywheel down ends it")


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
