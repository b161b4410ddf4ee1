"""What the commands do with a store: import, export and query. Reads its configuration and neither Ray nor torch."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from flywheel.config import Config, parse
from flywheel.core.contract import Body
from flywheel.core.errors import ConfigError
from flywheel.environments import suites
from flywheel.exchange import sql
from flywheel.exchange.admission import Admission
from flywheel.exchange.exporting import Exported, Selection, export_episodes
from flywheel.exchange.formats import module_of
from flywheel.exchange.found import Take
from flywheel.exchange.importing import Imported, due_iteration, import_episodes
from flywheel.store.episodes import DeltaEpisodes
from flywheel.store.identity import configuration
from flywheel.store.objects import Objects, open_objects
from flywheel.store.records import JsonRecords


def import_files(store: str, path: Path, *, file_format: str, task: str | None, takes: Sequence[str]) -> Imported:
    """ConfigError: the store is nobody's, or the files are wrong; nothing was imported."""
    objects = open_objects(store)
    config = _configuration(objects, store)
    module = module_of(file_format)
    records = JsonRecords(objects=objects)
    tasks = suites.tasks_of(config.suites)
    if task is not None and task not in tasks:
        raise ConfigError(f"--task {task}: the store has {', '.join(tasks)}")
    return import_episodes(
        partial(module.read, path),
        admission=Admission(
            tasks=tasks,
            body_of=partial(_body_of, config),
            iteration=due_iteration(records),
            task=task,
            takes=[Take.parse(text) for text in takes],
        ),
        episodes=DeltaEpisodes(objects=objects),
        records=records,
        origin=path,
        file_format=file_format,
    )


def export_files(store: str, out: Path, *, file_format: str, selection: Selection, version: int | None) -> Exported:
    """ConfigError: nothing fits, or it cannot be written there."""
    objects = open_objects(store)
    tasks = suites.tasks_of(_configuration(objects, store).suites)
    return export_episodes(
        DeltaEpisodes(objects=objects),
        selection,
        file_format=file_format,
        out=out,
        instructions={name: task.instruction for name, task in tasks.items()},
        version=version,
    )


def query(store: str, text: str) -> sql.Answer:
    """ConfigError: the query is wrong, or there is nothing to ask."""
    objects = open_objects(store)
    configuration(objects)  # Refuses a store of another schema version.
    return sql.query(objects, text)


def _configuration(objects: Objects, store: str) -> Config:
    found = configuration(objects)
    if found is None:
        raise ConfigError(f"{store}: no flywheel was ever run here, so its tasks are not known")
    return parse(found, origin=store)


def _body_of(config: Config, task: str) -> Body:
    environment = suites.factory(config.suites)(task)
    environment.close()
    return environment.body
