"""The formats by name. Each has a module, imported when it is needed: some need packages that not everybody has."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from flywheel.core.episode import Episode
from flywheel.core.errors import ConfigError
from flywheel.exchange.found import Found

FORMATS = ("parquet", "arrow", "minari", "minari-arrow", "lerobot", "rllib")
MODULES = {"arrow": "parquet", "minari-arrow": "minari", "rllib": "rllib_columns"}
"""Where it is not the format's own."""
ONE_FOR_ALL = ("parquet", "arrow")
"""Formats that hold the episodes of all tasks side by side; of the others, each task gets a dataset of its own."""


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """What a writer is told besides the episodes."""

    task: str
    """Of all of them."""
    instruction: str
    file_format: str


class FormatModule(Protocol):
    """What a format's module offers."""

    def read(self, path: Path) -> Iterator[Found]:
        """ConfigError: not such a file or folder, or damaged, naming it."""
        ...

    def write(self, folder: Path, episodes: Iterable[Episode], dataset: Dataset) -> None:
        """Into an empty folder. ConfigError: the format cannot hold them."""
        ...


def folder_of(task: str, file_format: str) -> str:
    """Of a task's dataset, relative to where all of them are: where Minari looks for a dataset of that name."""
    return versioned(task) if MODULES.get(file_format, file_format) == "minari" else task


def versioned(task: str) -> str:
    """Minari's name of a task's dataset: it ends in a version."""
    return task if task.rpartition("-v")[2].isdigit() else f"{task}-v0"


def module_of(file_format: str) -> FormatModule:
    """ConfigError: no such format, or a package that it needs is missing."""
    if file_format not in FORMATS:
        raise ConfigError(f"--format {file_format}: unknown; there are {', '.join(FORMATS)}")
    name = MODULES.get(file_format, file_format)
    try:
        return cast(FormatModule, import_module(f"flywheel.exchange.{name}"))
    except ModuleNotFoundError as failure:
        raise ConfigError(
            f"--format {file_format}: needs the package {failure.name}: pip install 'flywheel[{name}]'"
        ) from failure
