"""A backup of a store that others write to: whenever it looks, it is a state that goes on as if nothing had been."""

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Lock, Thread

import pytest
from mortal import Clock, KilledError, mortal
from stored import ITERATIONS, StoredWorld
from test_backing_up import NOW
from world import contents

from flywheel import loop
from flywheel.backup.backing_up import back_up
from flywheel.backup.cut import cut
from flywheel.backup.restoring import restore
from flywheel.backup.vault import Vault
from flywheel.core.control import Control
from flywheel.core.entry import Entry, entry_key
from flywheel.core.iteration import Stage, record_key
from flywheel.store import layout
from flywheel.store.folder import LocalFolder
from flywheel.store.whole import open_store
from flywheel.upkeep.compaction import compact, plan_compaction
from flywheel.upkeep.finding import Kind
from flywheel.upkeep.garbage import collect_garbage, plan_garbage
from flywheel.upkeep.verify import verify

PARTS = ("records", "policies", "episodes", "labels")


class Interrupted(LocalFolder):
    """Before its n-th reading or listing somebody else does something, once."""

    def __init__(self, *, at, act, **values):
        super().__init__(**values)
        self.num_looks, self._at, self._act, self._lock = 0, at, act, Lock()

    def get(self, key):
        self._look()
        return super().get(key)

    def keys(self, prefix):
        self._look()
        return super().keys(prefix)

    def _look(self):
        with self._lock:
            due = self.num_looks == self._at
            self.num_looks += 1
            if due:
                self._act()


def interrupted_store(root, *, at, act):
    """The store, looked at by a backup."""
    objects = Interrupted(root=root, at=at, act=act)
    opened = open_store(str(root))
    parts = {name: type(getattr(opened, name))(objects=objects) for name in PARTS}
    return replace(opened, objects=objects, **parts), objects


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    """A store after iteration 0. Nobody writes there."""
    root = tmp_path_factory.mktemp("cut") / "store"
    StoredWorld(root).run(iterations=0)
    return root


@pytest.fixture
def world(pretrained, tmp_path):
    """A copy of the test's own."""
    return StoredWorld(shutil.copytree(pretrained, tmp_path / "store"))


@pytest.fixture
def vault(tmp_path):
    return Vault(objects=LocalFolder(root=tmp_path / "vault"))


@pytest.fixture(scope="module")
def undisturbed(pretrained, tmp_path_factory):
    """What a run makes that nobody looks at."""
    world = StoredWorld(shutil.copytree(pretrained, tmp_path_factory.mktemp("undisturbed") / "store"))
    world.run()
    return contents(world.ports())


def gone_on(root, vault, name=None):
    """A world on what the point becomes, and what verify says of it."""
    restore(vault, vault.point(name), LocalFolder(root=root))
    world = StoredWorld(root)
    found = verify(world.store).findings
    world.run()
    return contents(world.ports()), found


@pytest.fixture(scope="module")
def later(pretrained, tmp_path_factory):
    """The same store after two more iterations. Nobody writes there."""
    root = shutil.copytree(pretrained, tmp_path_factory.mktemp("later") / "store")
    StoredWorld(root).run()
    return root


def made_by(taken, root):
    """(Iteration, stage) of all that stages made and that belongs to the moment: records, and commits of the tables."""
    for key in taken.promised:
        if key.startswith("records/iterations/"):
            number, stage = key.removesuffix(".json").split("/")[-2:]
            yield int(number), stage
        elif "_delta_log/" in key and key.endswith(".json"):
            actions = [json.loads(line) for line in (root / key).read_text().splitlines()]
            names = [action["txn"]["appId"] for action in actions if "txn" in action]
            yield from ((int(name.split("-")[0]), name.split("-")[1]) for name in names if "final" not in name)


def iterations(taken, root):
    """As the chronicle of the moment knows them."""
    records = open_store(str(root)).records
    entries = [Entry.of(records.read(entry_key(number))) for number in range(taken.num_entries)]
    return Control().after(entries).iterations.items()


def known(taken, root):
    """(Iteration, stage) that are over or under way."""
    for number, status in iterations(taken, root):
        order = [stage for stage in Stage if stage is not (Stage.COLLECT if number == 0 else Stage.INGEST)]
        yield from ((number, str(stage)) for stage in order[: len(status.stages) + 1])


def recorded(taken, root):
    """Keys that must be there."""
    for number, status in iterations(taken, root):
        yield from (layout.record(record_key(number, stage)) for stage in status.stages)
        if Stage.TRAIN in status.stages:
            yield f"{layout.policy(f'policy-{number:04d}')}{layout.MANIFEST}"
    yield from (layout.record(entry_key(number)) for number in range(taken.num_entries))


def test_whenever_others_write_nothing_is_missing_and_nothing_is_further_than_the_chronicle(
    pretrained, later, tmp_path
):
    at, num_entries = 0, set()
    while True:
        root = shutil.copytree(pretrained, tmp_path / str(at))
        act = partial(shutil.copytree, later, root, dirs_exist_ok=True)
        store, objects = interrupted_store(root, at=at, act=act)
        taken = cut(store)
        if at >= objects.num_looks:
            break
        assert [key for key in taken.promised if not (root / key).exists()] == []
        assert set(made_by(taken, root)) <= set(known(taken, root))
        assert set(recorded(taken, root)) <= taken.promised.keys()
        num_entries.add(taken.num_entries)
        at += 1
    assert len(num_entries) == 2


def looks_of_a_cut(root):
    """How often a cut of the finished store looks."""
    store, objects = interrupted_store(root, at=-1, act=None)
    cut(store)
    return objects.num_looks


@pytest.mark.parametrize("share", [0.05, 0.4])
def test_whatever_another_iteration_writes_meanwhile_is_in_it_wholly_or_as_a_crash_leaves_it(
    world, vault, tmp_path, undisturbed, share
):
    at = int(share * looks_of_a_cut(tmp_path / "store"))
    store, _ = interrupted_store(tmp_path / "store", at=at, act=world.run)
    back_up(store, vault, now=NOW)
    made, found = gone_on(tmp_path / "restored", vault)
    assert made == undisturbed
    assert [finding for finding in found if finding.kind is not Kind.LEFTOVER] == []


@pytest.mark.parametrize("moment", [15, 37])
def test_a_stage_that_is_under_way_is_made_again(world, vault, tmp_path, undisturbed, moment):
    with pytest.raises(KilledError):
        loop.run(mortal(world.ports(), Clock(dies_at=moment)), iterations=ITERATIONS)
    back_up(world.store, vault, now=NOW)
    made, found = gone_on(tmp_path / "restored", vault)
    assert made == undisturbed
    assert [finding for finding in found if finding.kind is not Kind.LEFTOVER] == []


def test_points_taken_beside_a_writer_all_go_on_the_same(world, vault, tmp_path, undisturbed):
    writer = Thread(target=world.run)
    writer.start()
    store = open_store(str(tmp_path / "store"))
    names = [back_up(store, vault, now=NOW).point.name]
    while writer.is_alive():
        names.append(back_up(store, vault, now=NOW).point.name)
    writer.join()
    for name in {names[0], names[len(names) // 2], names[-1]}:
        made, found = gone_on(tmp_path / name, vault, name)
        assert made == undisturbed
        assert [finding for finding in found if finding.kind is not Kind.LEFTOVER] == []


def test_what_garbage_collection_takes_meanwhile_is_left_out_with_the_record_that_says_so(world, vault, tmp_path):
    compact(world.store, plan_compaction(world.store, target_bytes=10**9))
    world.run()
    later = datetime.now(UTC) + timedelta(hours=1)
    plan = plan_garbage(world.store, rollback_versions=0, grace=timedelta(0), now=later)
    at = looks_of_a_cut(tmp_path / "store")
    store, _ = interrupted_store(tmp_path / "store", at=at, act=lambda: collect_garbage(world.store, plan))
    made = back_up(store, vault, now=NOW)
    going = {some.entry.key for some in plan.garbage if some.entry.key.endswith(".parquet")}
    assert going
    assert not going & made.point.objects.keys()
    assert "records/garbage/0001.json" in made.point.objects
    restore(vault, vault.point(), LocalFolder(root=tmp_path / "restored"))
    found = verify(open_store(str(tmp_path / "restored")))
    assert not found.damaged
    assert {finding.key for finding in found.of(Kind.LOST)} == going
