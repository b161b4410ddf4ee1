"""A store of schema version 2, as flywheel made it then, becomes one of today's."""

import json
import tarfile
from pathlib import Path

import pytest
from dying_folder import DyingFolder
from mortal import KilledError
from small import small_settings
from stored import StoredWorld, tree
from world import contents

from flywheel.config import parse
from flywheel.core.entry import Action, Draft
from flywheel.core.errors import NewerSchemaError, OlderStoreError
from flywheel.store import identity
from flywheel.store.chronicle import RecordedChronicle
from flywheel.store.whole import open_store
from flywheel.upkeep import migration
from flywheel.upkeep.migration import migrate, plan_migration
from flywheel.upkeep.verify import verify

STORE = Path(__file__).parent / "data/store-2.tar.xz"
"""Iterations 0 and 1 of the stored world, turned by flywheel as it was before stores had a name."""
TOKEN = {"digest": "0" * 64, "scopes": ["read"], "expires_at": None}


@pytest.fixture
def root(tmp_path):
    with tarfile.open(STORE) as archive:
        archive.extractall(tmp_path / "store", filter="data")
    return tmp_path / "store"


@pytest.fixture
def old(root):
    return open_store(str(root), older=True)


def test_an_older_store_is_refused_with_what_to_do_and_nothing_is_changed(root):
    before = tree(root)
    with pytest.raises(OlderStoreError, match=rf"version 2, .* works with 3: .*then `flywheel migrate {root}`"):
        open_store(str(root))
    with pytest.raises(OlderStoreError):
        StoredWorld(root)
    assert tree(root) == before


def test_a_dry_run_says_what_would_be_done_and_changes_nothing(root, old):
    before = tree(root)
    (step,) = plan_migration(old)
    assert (step.before, step.after) == (2, 3)
    assert any(line.startswith("the store's name: ") for line in step.done)
    assert tree(root) == before


def test_what_was_there_stays_as_it_was_but_for_the_identity(root, old):
    before = tree(root)
    planned = plan_migration(old)
    assert migrate(old) == planned
    after = tree(root)
    assert {key for key in after if after[key] != before.get(key)} == {"flywheel.json", "records/migrations/0003.json"}
    assert old.records.read("migrations/0003")["identity"].encode() == before["flywheel.json"]


def test_the_name_is_kept_and_so_is_the_configuration(root, old):
    before = identity.read(old.objects, older=True)
    migrate(old)
    after = identity.read(old.objects)
    assert (before.version, after.version) == (2, 3)
    assert (after.store_id, after.created_by) == (before.store_id, before.created_by)
    assert after.config == parse(small_settings(), origin="small").model_dump(mode="json")
    assert after.config["train"] == before.config["train"]


def test_a_migrated_store_is_whole_and_goes_on(root, old, tmp_path):
    migrate(old)
    assert verify(open_store(str(root))).findings == ()
    world, undisturbed = StoredWorld(root), StoredWorld(tmp_path / "today")
    undisturbed.run(iterations=1)
    for some in (world, undisturbed):
        some.run(iterations=2)
    made, expected = contents(world.ports()), contents(undisturbed.ports())
    assert (made["episodes"], made["labels"], made["policies"]) == (
        expected["episodes"],
        expected["labels"],
        expected["policies"],
    )


def test_a_second_migration_finds_nothing_to_do(root, old):
    migrate(old)
    before = tree(root)
    assert (plan_migration(old), migrate(old)) == ([], [])
    assert tree(root) == before


def test_chapters_are_written_of_chronicles_from_before_there_were_any(root, old, monkeypatch):
    monkeypatch.setattr(migration, "CHAPTER", 5)
    monkeypatch.setattr(migration, "RecordedChronicle", lambda records: RecordedChronicle(records=records, chapter=5))
    num_entries = len(RecordedChronicle(records=old.records).control().entries)
    (step,) = migrate(old)
    assert step.done[0] == f"chapters of the chronicle: {num_entries // 5}"
    assert len(old.records.keys("chapters/")) == num_entries // 5 > 1
    assert not verify(open_store(str(root))).damaged


@pytest.mark.parametrize("writes", [0, 1])
def test_whoever_is_killed_in_a_migration_begins_it_again(root, old, writes):
    whose = identity.read(old.objects, older=True)
    dying = DyingFolder(root=root, writes=writes)
    with pytest.raises(KilledError):
        migrate(type(old)(**{**vars(old), "objects": dying, "records": type(old.records)(objects=dying)}))
    assert identity.read(old.objects, older=True) == whose
    migrate(old)
    assert identity.read(old.objects).store_id == whose.store_id
    assert verify(open_store(str(root))).findings == ()


def test_who_had_begun_before_the_migration_goes_on_after_it(root, old):
    """An API process or a supervisor of the flywheel before: it has read the identity, and never does again."""
    chronicle = RecordedChronicle(records=old.records)
    known = len(chronicle.control().entries)
    migrate(old)
    draft = Draft(action=Action.TOKEN_CREATED, subject="tokens/ann", by="command line", details=TOKEN)
    assert chronicle.append(lambda _: draft).number == known
    assert RecordedChronicle(records=open_store(str(root)).records).control().tokens.keys() == {"ann"}


@pytest.mark.parametrize("change", [{"action": "iteration.levitated"}, {"mood": "good"}])
def test_an_entry_of_a_newer_flywheel_stops_who_does_not_know_it(store, folder, change):
    chronicle = RecordedChronicle(records=store.records)
    last = chronicle.control().entries[-1]
    newer = {**last.plain, "number": last.number + 1, **change}
    store.records.write(f"chronicle/{last.number + 1:08d}", newer)
    before = tree(folder)
    for who in (chronicle, RecordedChronicle(records=store.records)):
        with pytest.raises(NewerSchemaError, match=r"unknown (action iteration.levitated|field mood): use a newer"):
            who.append(lambda _: None)
    found = verify(store)
    assert [(str(some.kind), some.key) for some in found.findings] == [
        ("newer", f"records/chronicle/{last.number + 1:08d}.json")
    ]
    assert tree(folder) == before


def test_a_newer_store_is_refused_by_every_opening(folder):
    path = folder / "flywheel.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema_version": 4}))
    before = tree(folder)
    for opening in (open_store, StoredWorld):
        with pytest.raises(NewerSchemaError, match="version 4, this flywheel knows up to 3: use a newer flywheel"):
            opening(str(folder))
    assert tree(folder) == before
