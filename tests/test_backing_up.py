"""Backups of a real store in a folder: what is in them, what is copied again, what is refused."""

import filecmp
import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest
from stored import StoredWorld, flip, newest_file, tree

from flywheel.backup.backing_up import back_up, verify_point
from flywheel.backup.pruning import prune
from flywheel.backup.restoring import restore
from flywheel.backup.vault import Vault
from flywheel.core.errors import ConfigError, StoreError, UnknownError
from flywheel.store import blocks, bundles
from flywheel.store.folder import LocalFolder
from flywheel.store.whole import open_store
from flywheel.upkeep.repair import plan_repair, repair
from flywheel.upkeep.verify import verify

NOW = datetime(2024, 1, 2, 12, tzinfo=UTC)
"""Long ago: what was written since is young."""


@pytest.fixture
def vault(tmp_path):
    return Vault(objects=LocalFolder(root=tmp_path / "vault"))


def restored(vault, root, name=None):
    """The store that the point becomes."""
    restore(vault, vault.point(name), LocalFolder(root=root))
    return open_store(str(root))


def durable(root):
    """Files of a store that a backup holds."""
    passed_over = ("checkpoints/", "videos/", "report.", "quarantine/")
    files = tree(root).items()
    return {key: data for key, data in files if not key.startswith(passed_over) and "_last_checkpoint" not in key}


def test_a_point_holds_the_whole_store_and_becomes_it_again(store, folder, vault, tmp_path):
    made = back_up(store, vault, now=NOW)
    assert made.point == vault.point()
    assert made.point.name == "20240102T120000.000Z"
    found = restored(vault, tmp_path / "restored")
    assert tree(tmp_path / "restored") == durable(folder)
    assert verify(found).findings == ()


def test_objects_of_many_blocks_are_copied_and_restored_alike(store, folder, vault, tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 100)
    back_up(store, vault, now=NOW)
    assert verify(restored(vault, tmp_path / "restored")).findings == ()
    assert tree(tmp_path / "restored") == durable(folder)


@pytest.fixture
def large(store, monkeypatch, request):
    """A key of sixty blocks and a bit: of a policy, whose manifest promises a digest, or a log, which nobody knows."""
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1 << 18)
    content, key = bytes(60 << 18) + b"end", "logs/iterations/0000/large.jsonl"
    if request.param == "promised":
        version = bundles.facts(store.objects, "policies/policy-0000/")["version"]
        bundles.save(store.objects, "policies/policy-9/", {"weights": content}, {"version": version})
        (key,) = [key for key in store.objects.keys("policies/policy-9/") if "weights" in key]
    else:
        store.objects.put(key, content)
    return key


@pytest.mark.parametrize("large", ["promised", "unknown"], indirect=True)
def test_a_large_object_is_never_in_memory(large, store, folder, vault, tmp_path):
    tracemalloc.start()
    try:
        point = back_up(store, vault, now=NOW).point
        restored(vault, tmp_path / "restored")
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < point.objects[large].num_bytes // 2
    assert filecmp.cmp(folder / large, tmp_path / "restored" / large, shallow=False)


def test_what_did_not_change_is_neither_read_nor_copied_again(store, vault):
    first = back_up(store, vault, now=NOW)
    assert first.num_copied == len(first.point.digests)
    again = back_up(store, vault, now=NOW + timedelta(hours=1))
    assert (again.num_copied, again.num_read, again.bytes_copied) == (0, 0, 0)
    assert again.point.objects == first.point.objects


def test_only_what_another_iteration_made_is_copied(tmp_path, vault):
    world = StoredWorld(tmp_path / "store")
    world.run(iterations=1)
    first = back_up(world.store, vault, now=NOW)
    world.run(iterations=2)
    second = back_up(world.store, vault, now=NOW + timedelta(days=1))
    new = second.point.objects.keys() - first.point.objects.keys()
    assert first.point.objects.items() <= second.point.objects.items()
    assert second.num_read == len(new) > 0
    assert second.num_copied == len(second.point.digests.keys() - first.point.digests.keys())
    assert verify(restored(vault, tmp_path / "early", first.point.name)).findings == ()
    assert verify(restored(vault, tmp_path / "late")).findings == ()


def test_points_are_later_than_those_before_whatever_the_clock_says(store, vault):
    names = [back_up(store, vault, now=NOW - timedelta(hours=hours)).point.name for hours in (0, 0, 5)]
    assert names == [f"20240102T120000.00{number}Z" for number in range(3)]


def test_a_vault_holds_points_of_one_store(store, vault, tmp_path):
    back_up(store, vault, now=NOW)
    other = StoredWorld(tmp_path / "other").store
    with pytest.raises(ConfigError, match="points of another store"):
        back_up(other, vault, now=NOW)
    assert len(vault.names()) == 1


class Blind(Vault):
    """Empty, for who looks first."""

    def newest(self):
        return None


def test_of_two_stores_that_begin_a_vault_at_once_one_is_refused(store, vault, tmp_path):
    first = back_up(store, vault, now=NOW).point
    other = StoredWorld(tmp_path / "other").store
    with pytest.raises(ConfigError, match="another store was backed up to the same empty vault"):
        back_up(other, Blind(objects=LocalFolder(root=tmp_path / "vault")), now=NOW + timedelta(hours=1))
    assert vault.names() == [first.name]


def test_a_store_is_no_vault(folder):
    with pytest.raises(ConfigError, match="a store is there"):
        Vault(objects=LocalFolder(root=folder))


@pytest.mark.parametrize("what", ["episodes", "weights", "record"])
def test_what_is_damaged_is_refused_and_the_points_before_stay(store, folder, vault, what):
    back_up(store, vault, now=NOW)
    path = {
        "episodes": newest_file(store, "episodes", folder),
        "weights": sorted(folder.glob("policies/policy-0001/*-*"))[-1],
        "record": folder / "records/iterations/0001/train.json",
    }[what]
    flip(path, at=len(path.read_bytes()) // 2)
    with pytest.raises(StoreError, match=f"{path.name}.*damaged"):
        back_up(store, vault, now=NOW + timedelta(hours=1))
    assert vault.names() == ["20240102T120000.000Z"]
    assert verify_point(vault, vault.point()) == []


def test_what_a_repair_took_is_left_out_and_told_in_the_point(store, folder, vault, tmp_path):
    flip(folder / "records/iterations/0001/train.json", at=300)
    repair(store, plan_repair(store, verify(store)))
    made = back_up(store, vault, now=NOW)
    assert "records/iterations/0001/train.json" not in made.point.objects
    assert "records/repairs/0001.json" in made.point.objects
    assert not verify(restored(vault, tmp_path / "restored")).damaged


def test_what_the_newest_version_needs_is_never_left_out(store, folder, vault):
    path = newest_file(store, "labels", folder)
    store.records.write("garbage/0001", {"deleted": [f"labels/{path.name}"], "kept": {}})
    path.unlink()
    with pytest.raises(StoreError, match=f"{path.name}: missing"):
        back_up(store, vault, now=NOW)


def test_what_is_missing_is_refused(store, folder, vault):
    path = newest_file(store, "labels", folder)
    path.unlink()
    with pytest.raises(StoreError, match=f"{path.name}: missing, though it is named"):
        back_up(store, vault, now=NOW)
    assert vault.names() == []


def test_a_damaged_backup_is_told_and_not_restored(store, vault, tmp_path):
    point = back_up(store, vault, now=NOW).point
    digest = point.objects[store.tables["episodes"].files(None)[0].key].digest
    flip(tmp_path / f"vault/objects/{digest[:2]}/{digest}")
    assert [problem.partition(": ")[2] for problem in verify_point(vault, point)] == [
        "damaged: its sha256 is not its name"
    ]
    with pytest.raises(StoreError, match="damaged"):
        restored(vault, tmp_path / "restored")
    with pytest.raises(ConfigError, match="is being restored from point 20240102T120000.000Z"):
        open_store(str(tmp_path / "restored"))


def test_only_an_empty_place_is_restored_to(store, folder, vault, tmp_path):
    back_up(store, vault, now=NOW)
    before = tree(folder)
    with pytest.raises(ConfigError, match="is not empty"):
        restored(vault, folder)
    assert tree(folder) == before
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters/one.txt").write_text("dear")
    with pytest.raises(ConfigError, match="is not empty"):
        restored(vault, tmp_path / "letters")


def test_a_place_where_another_point_is_being_restored_is_not_empty(store, vault, tmp_path):
    first, second = (back_up(store, vault, now=NOW + timedelta(hours=hours)).point for hours in (0, 1))
    digest = next(iter(first.digests.keys() - {first.objects["flywheel.json"].digest}))
    content = vault.get(digest)
    vault.delete(digest)
    with pytest.raises(StoreError, match="missing"):
        restored(vault, tmp_path / "restored", first.name)
    with pytest.raises(ConfigError, match="is not empty"):
        restored(vault, tmp_path / "restored", second.name)
    vault.put(digest, [content])
    assert verify(restored(vault, tmp_path / "restored", first.name)).findings == ()


def test_there_is_a_point_or_there_is_none(store, vault):
    with pytest.raises(UnknownError, match="there is no backup"):
        vault.point()
    back_up(store, vault, now=NOW)
    with pytest.raises(UnknownError, match=r"no point then; there are 20240102T120000\.000Z"):
        vault.point("then")


def test_pruning_takes_old_points_and_what_only_they_hold(tmp_path, vault):
    world = StoredWorld(tmp_path / "store")
    world.run(iterations=0)
    first = back_up(world.store, vault, now=NOW).point
    part = world.store.tables["labels"].files(None)[0].key
    world.run(iterations=1)
    second = back_up(world.store, vault, now=NOW + timedelta(hours=1)).point
    alone = vault.point(first.name).digests.keys() - second.digests.keys()
    assert part in second.objects
    young = prune(vault, keep=1, now=datetime.now(UTC))
    assert (young.points, young.num_objects) == ((first.name,), 0)
    late = prune(vault, keep=1, now=datetime.now(UTC) + timedelta(days=5))
    assert (late.points, late.num_objects) == ((), len(alone))
    assert vault.content().keys() == second.digests.keys()
    assert verify_point(vault, second) == []


def test_the_newest_point_is_never_pruned(store, vault):
    point = back_up(store, vault, now=NOW).point
    assert prune(vault, keep=0, now=NOW + timedelta(days=9)).points == ()
    assert vault.names() == [point.name]


class PrunedMeanwhile(Vault):
    """Loses all points but the newest when one is written, as by another process; only once."""

    def __init__(self, **values):
        super().__init__(**values)
        self.num_written = 0

    def write(self, point):
        super().write(point)
        self.num_written += 1
        if self.num_written == 2:
            for name in self.names()[:-1]:
                self.remove(name)


def test_a_point_whose_ground_was_pruned_meanwhile_is_made_anew(store, tmp_path):
    vault = PrunedMeanwhile(objects=LocalFolder(root=tmp_path / "vault"))
    back_up(store, vault, now=NOW)
    back_up(store, vault, now=NOW + timedelta(hours=1))
    assert vault.num_written == 3
    assert len(vault.names()) == 1
    assert verify_point(vault, vault.point()) == []
