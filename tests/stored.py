"""A finished run on a real store: made-up episodes and weights, real tables, records and manifests."""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fakes import ScriptedCollectors
from small import small_settings
from world import World

from flywheel import loop
from flywheel.config import parse
from flywheel.core.commands import iterations
from flywheel.core.control import IterationState
from flywheel.core.errors import CancelledError
from flywheel.store.identity import claim
from flywheel.store.objects import open_objects
from flywheel.store.records import JsonRecords
from flywheel.store.sealed import seal, unseal
from flywheel.store.whole import Store, open_store

ITERATIONS = 2
"""After iteration 0; each version is better than the one before, so each is promoted."""


class StoredWorld(World):
    """As World, but what is stored lies in a folder or a bucket."""

    def __init__(self, root: Path | str, **changes):
        super().__init__(**changes)
        config = parse(small_settings(), origin="stored").model_dump(mode="json")
        claim(open_objects(str(root)), config, created_by="0", free_keys=())
        self.store = open_store(str(root))
        self.records, self.policies = self.store.records, self.store.policies
        self.episodes, self.labels = self.store.episodes, self.store.labels

    def run(self, *, iterations: int = ITERATIONS, **ports) -> None:
        loop.run(self.ports(**ports), iterations=iterations)


class DiedError(Exception):
    """The process is gone."""


class DyingRecords(JsonRecords):
    """The process dies just before it writes the record `at`."""

    def __init__(self, *, at: str, **values):
        super().__init__(**values)
        self._at = at

    def write(self, key, record):
        if key == self._at:
            raise DiedError(key)
        super().write(key, record)


def interrupted(root: Path, *, at: str) -> StoredWorld:
    """A run on the folder that committed everything but the record `at`, and died."""
    world = StoredWorld(root)
    world.records = DyingRecords(objects=world.store.objects, at=at)
    with pytest.raises(DiedError):
        world.run()
    return world


class Handbrake:
    """Is pulled when iteration 1 has ended a stage, or has made so many episodes of the next."""

    def __init__(self, world: World, *, after: str, collected: int) -> None:
        self._world, self._after, self._collected = world, after, collected

    def __call__(self) -> CancelledError | None:
        observer = self._world.observer
        began = observer.started[-1:] == [(1, "collect")]
        enough = began and len(observer.progressed) >= self._collected > 0
        over = (1, self._after) in observer.completed and not self._collected
        return CancelledError("cancelled by ann") if over or enough else None


class ShortCollectors(ScriptedCollectors):
    """Stop after so many episodes."""

    def __init__(self, *, at: int, **values) -> None:
        super().__init__(**values)
        self._at = at

    def collect(self, requests, behaviour, observer):
        observer.progressed.clear()
        return super().collect(requests[: self._at], behaviour, observer)


def cut_short(
    root: Path, *, after: str, state: IterationState = IterationState.CANCELLED, collected: int = 0
) -> StoredWorld:
    """Pretraining, and iteration 1 that ended after a stage, or in collect with only so many episodes."""
    world = StoredWorld(root)
    world.run(iterations=0)
    changes: dict[str, Any] = {"brake": Handbrake(world, after=after, collected=collected)}
    if collected:
        changes["collectors"] = ShortCollectors(at=collected, episodes=world.episodes, outcome=world.script)
    ports = world.ports(**changes)
    ports.chronicle.append(partial(iterations.request, by="token:ann", overrides={}, max_queued=1))
    with pytest.raises(CancelledError):
        loop.carry_on(1, ports)
    end = partial(iterations.finish, number=1, state=state, by="supervisor", reason="cancelled by ann")
    ports.chronicle.append(end)
    return world


@pytest.fixture(scope="session")
def finished_folder(tmp_path_factory) -> Path:
    """Of a finished run. Nobody writes there."""
    root = tmp_path_factory.mktemp("stored") / "finished"
    StoredWorld(root).run()
    return root


@pytest.fixture
def folder(finished_folder, tmp_path) -> Path:
    """A finished run of the test's own."""
    return Path(shutil.copytree(finished_folder, tmp_path / "store"))


@pytest.fixture
def store(folder) -> Store:
    return open_store(str(folder))


def newest_file(store: Store, table: str, root: Path) -> Path:
    """The first file, by name, that the table's newest version holds."""
    return root / store.tables[table].files(None)[0].key


def flip(path: Path, at: int = -100) -> None:
    """Changes one byte."""
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def tree(root: Path) -> dict[str, bytes]:
    """Every file below."""
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def edited(folder: Path, stage: str, change: Callable[[dict[str, Any]], object]) -> None:
    """The record of iteration 1's stage is another hand's, sealed like ours."""
    path = folder / f"records/iterations/0001/{stage}.json"
    content = unseal(path.read_bytes(), name=stage)
    change(content)
    path.write_bytes(seal(content, name=stage))
