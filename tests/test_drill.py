"""Drills: what is done when a store is gone, and what is there when whoever does it is killed."""

import json
import shutil

import pytest
from dying_folder import DyingFolder
from mortal import KilledError
from s3_store import new_store
from stored import StoredWorld, tree
from test_backing_up import NOW, durable
from world import contents

from flywheel.backup.backing_up import back_up
from flywheel.backup.restoring import restore
from flywheel.backup.vault import Vault
from flywheel.core.errors import ConfigError
from flywheel.store.folder import LocalFolder
from flywheel.store.whole import open_store
from flywheel.upkeep.verify import verify


def run_in_two(root, between=lambda store: None):
    """A run of two iterations; what is done between them."""
    world = StoredWorld(root)
    world.run(iterations=1)
    between(str(root))
    world.run(iterations=2)
    return world


def told(flywheel, *arguments):
    code, out, err = flywheel(*arguments, "--json")
    assert (code, err) == (0, "")
    return json.loads(out)


def test_a_store_that_is_gone_comes_back_in_a_folder_and_in_a_bucket_and_goes_on(flywheel, s3_store, seaweed, tmp_path):
    """Backup to a bucket, more work, another one, and then the store is lost."""
    undisturbed = run_in_two(tmp_path / "undisturbed")
    undisturbed.run(iterations=3)
    expected = contents(undisturbed.ports())

    points = []
    world = run_in_two(
        tmp_path / "store", lambda store: points.append(told(flywheel, "backup", "make", store, s3_store))
    )
    points.append(told(flywheel, "backup", "make", world.store.url, s3_store))
    assert points[1]["num_read"] == points[1]["num_objects"] - points[0]["num_objects"] > 0
    assert points[1]["num_copied"] <= points[1]["num_read"] < points[0]["num_copied"]
    shutil.rmtree(tmp_path / "store")

    listed = told(flywheel, "backup", "list", s3_store)
    assert [point["name"] for point in listed] == [point["name"] for point in points]
    assert told(flywheel, "backup", "verify", s3_store)["problems"] == []
    for place in (str(tmp_path / "store"), new_store(seaweed)):
        found = told(flywheel, "restore", s3_store, place)
        assert (found["damaged"], found["findings"]) == (False, [])
        again = StoredWorld(place)
        again.run(iterations=3)
        assert contents(again.ports()) == expected

    early = tmp_path / "early"
    found = told(flywheel, "restore", f"{s3_store}@{points[0]['name']}", early)
    assert (found["damaged"], found["num_objects"]) == (False, points[0]["num_objects"])
    again = StoredWorld(early)
    again.run(iterations=2)
    again.run(iterations=3)
    assert contents(again.ports()) == expected


def test_a_vault_may_be_another_provider_with_credentials_of_its_own(flywheel, s3_store, fragile_seaweed, monkeypatch):
    world = StoredWorld(s3_store)
    world.run(iterations=0)
    vault = new_store(fragile_seaweed)
    for name, value in fragile_seaweed.environment.items():
        monkeypatch.setenv(f"FLYWHEEL_BACKUP_{name}", value)
    made = told(flywheel, "backup", "make", s3_store, vault)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert told(flywheel, "backup", "verify", vault)["num_objects"] == made["num_objects"]


def test_a_backup_that_is_killed_at_every_write_goes_on_with_what_is_there(tmp_path):
    world = StoredWorld(tmp_path / "store")
    world.run(iterations=0)
    root, num_deaths = tmp_path / "vault", 0
    while not (made := _survives(world.store, DyingFolder(root=root, writes=1))):
        num_deaths += 1
        vault = Vault(objects=LocalFolder(root=root))
        assert (vault.names(), len(vault.content())) == ([], num_deaths)
    assert num_deaths == len(made.point.digests)
    restore(vault, vault.point(), LocalFolder(root=tmp_path / "restored"))
    assert tree(tmp_path / "restored") == durable(tmp_path / "store")


def _survives(store, objects):
    try:
        return back_up(store, Vault(objects=objects), now=NOW)
    except KilledError:
        return None


def test_a_restore_that_is_killed_at_every_write_goes_on_and_nobody_works_there_meanwhile(tmp_path):
    world = StoredWorld(tmp_path / "store")
    world.run(iterations=0)
    vault = Vault(objects=LocalFolder(root=tmp_path / "vault"))
    point = back_up(world.store, vault, now=NOW).point
    root, num_deaths = tmp_path / "restored", 0
    while True:
        try:
            restore(vault, point, DyingFolder(root=root, writes=1))
            break
        except KilledError:
            num_deaths += 1
        for opening in (open_store, StoredWorld):
            with pytest.raises(ConfigError, match="is being restored"):
                opening(str(root))
    assert num_deaths == len(point.objects)
    assert tree(root) == durable(tmp_path / "store")
    assert verify(open_store(str(root))).findings == ()


def test_what_a_killed_restore_left_half_done_elsewhere_is_written_again(tmp_path):
    world = StoredWorld(tmp_path / "store")
    world.run(iterations=0)
    vault = Vault(objects=LocalFolder(root=tmp_path / "vault"))
    point = back_up(world.store, vault, now=NOW).point
    with pytest.raises(KilledError):
        restore(vault, point, DyingFolder(root=tmp_path / "restored", writes=9))
    objects = LocalFolder(root=tmp_path / "restored")
    key = next(key for key in objects.keys("") if key != "flywheel.json")
    objects.put(key, bytes(len(objects.get(key))))
    restore(vault, point, objects)
    assert tree(tmp_path / "restored") == durable(tmp_path / "store")
