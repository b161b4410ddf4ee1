"""Overrides on a command line: `--set collect.episodes_per_task=100`, or a file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from flywheel.core.errors import ConfigError

Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="A setting instead of the config's, such as collect.episodes_per_task=100. The value is JSON, else text. "
        "May be repeated.",
    ),
]
OverridesFile = Annotated[
    Path | None, typer.Option("--overrides", help="A YAML file of settings, laid out as in a config.", metavar="FILE")
]


def overrides(settings: Sequence[str] | None, path: Path | None) -> dict[str, Any]:
    """The file's, then those of the command line in their order. ConfigError: one of them is none."""
    result = {} if path is None else _read(path)
    for given in settings or ():
        key, equals, text = given.partition("=")
        parts = key.strip().split(".")
        if not equals or not all(parts):
            raise ConfigError(f"--set {given}: not KEY=VALUE, such as collect.episodes_per_task=100")
        section = result
        for part in parts[:-1]:
            section = section.setdefault(part, {})
            if not isinstance(section, dict):
                raise ConfigError(f"--set {given}: {part} has a value already, {section!r}")
        section[parts[-1]] = _value(text)
    return result


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _read(path: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as failure:
        raise ConfigError(f"{path}: cannot be read: {failure}") from failure
    if found is not None and not isinstance(found, dict):
        raise ConfigError(f"{path}: a mapping of settings is needed, not {type(found).__name__}")
    return found or {}
