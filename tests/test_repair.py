import json
from dataclasses import replace
from functools import partial

import pytest
from builders import make_episode, make_label
from stored import StoredWorld, flip, interrupted, newest_file, tree
from world import contents

from flywheel.core.commands import iterations
from flywheel.core.control import IterationState
from flywheel.core.errors import NewerSchemaError, StoreError
from flywheel.lineage.gate import renew
from flywheel.store.chronicle import RecordedChronicle
from flywheel.upkeep.finding import Kind
from flywheel.upkeep.repair import plan_repair, repair
from flywheel.upkeep.verify import verify


def planned(store):
    return plan_repair(store, verify(store))


def mended(store):
    """Repairs, and returns the plan and the record."""
    plan = planned(store)
    return plan, store.records.read(repair(store, plan))


def test_what_is_whole_is_left_alone(store, folder):
    before = tree(folder)
    plan = planned(store)
    assert plan.empty
    assert repair(store, plan) is None
    assert tree(folder) == before


def test_planning_changes_nothing(store, folder):
    flip(newest_file(store, "episodes", folder))
    before = tree(folder)
    assert not planned(store).empty
    assert tree(folder) == before


def test_a_damaged_file_goes_to_quarantine_and_its_rows_out_of_the_next_version(store, folder):
    path = newest_file(store, "episodes", folder)
    key, lost = (
        str(path.relative_to(folder)),
        {some.episode_id for some in store.episodes.of_file(str(path.relative_to(folder)))},
    )
    before = {episode.episode_id for episode in store.episodes.summaries()}
    flip(path)
    damaged = path.read_bytes()
    plan, record = mended(store)
    assert [move.key for move in plan.moves] == [key]
    (moved,) = record["moved"]
    assert (moved["key"], moved["why"]) == (key, "damaged: its sha256 is not the one in its name")
    assert (folder / moved["to"]).read_bytes() == damaged
    assert not path.exists()
    assert {episode.episode_id for episode in store.episodes.summaries()} == before - lost
    assert store.labels.read().keys() <= before - lost


def test_after_a_repair_the_store_is_whole_and_says_what_it_lost(store, folder):
    key = str(newest_file(store, "episodes", folder).relative_to(folder))
    flip(folder / key)
    mended(store)
    found = verify(store)
    assert not found.damaged
    assert {finding.key for finding in found.of(Kind.LOST)} == {key}
    assert planned(store).empty


def test_older_versions_are_not_touched(store, folder):
    version = store.tables["episodes"].newest()
    before = [file.key for file in store.tables["episodes"].files(version)]
    flip(newest_file(store, "episodes", folder))
    mended(store)
    assert [file.key for file in store.tables["episodes"].files(version)] == before
    assert store.tables["episodes"].newest() == version + 1


def test_a_missing_file_is_recorded_and_left_out(store, folder):
    path = newest_file(store, "labels", folder)
    path.unlink()
    _, record = mended(store)
    (moved,) = record["moved"]
    assert moved["key"] == str(path.relative_to(folder))
    assert moved["to"] is None
    assert store.labels.read()
    assert not verify(store).damaged


def test_labels_without_an_episode_are_left_out_of_the_next_version(store):
    before = store.labels.read().keys()
    store.labels.commit([store.labels.write([make_label(make_episode(episode_id="nobody"))])], transaction="odd")
    plan, _ = mended(store)
    assert plan.moves == ()
    assert plan.orphans == {"nobody"}
    assert store.labels.read().keys() == before
    assert not verify(store).damaged


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("stage", ["collect", "relabel", "train", "evaluate"])
def test_a_stage_whose_record_is_damaged_or_missing_runs_again_to_the_same_end(tmp_path, store, folder, stage, missing):
    root = tmp_path / "interrupted"
    world = interrupted(root, at="iterations/0002/deploy")
    assert made_again(world, root / f"records/iterations/0002/{stage}.json", missing) == made(StoredWorld(folder))


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("stage", ["collect", "train", "deploy"])
def test_so_does_one_of_the_newest_iteration_though_it_is_over(store, folder, stage, missing):
    before = made(StoredWorld(folder))
    assert made_again(StoredWorld(folder), folder / f"records/iterations/0002/{stage}.json", missing) == before


def made_again(world, path, missing):
    """What there is after the record was lost, the store repaired and the run repeated."""
    if missing:
        path.unlink()
    else:
        flip(path, at=len(path.read_bytes()) // 2)
    mended(world.store)
    assert not verify(world.store).damaged
    after = StoredWorld(path.parents[3])
    after.run()
    assert not verify(world.store).damaged
    return made(after)


def made(world):
    """What a run made, without its history and the repairs."""
    found = contents(world.ports())
    records = {key: record for key, record in found["records"].items() if key.startswith(("iterations/", "final/"))}
    return {**found, "records": records}


def test_records_that_follow_a_damaged_one_in_an_iteration_that_goes_on_are_kept_too(tmp_path):
    root = tmp_path / "interrupted"
    world = interrupted(root, at="iterations/0002/deploy")
    flip(root / "records/iterations/0002/relabel.json", at=60)
    plan, record = mended(world.store)
    assert [move.key.rpartition("/")[2] for move in plan.moves] == ["relabel.json", "train.json", "evaluate.json"]
    assert all((root / moved["to"]).exists() for moved in record["moved"])


def test_a_plan_that_others_followed_is_beyond_repair_until_its_iteration_is_cancelled(tmp_path):
    root = tmp_path / "interrupted"
    world = interrupted(root, at="iterations/0002/deploy")
    key = "records/iterations/0002/plan.json"
    (root / key).unlink()
    plan = planned(world.store)
    assert (plan.moves, [finding.key for finding in plan.beyond]) == ((), [key])
    chronicle = RecordedChronicle(records=world.store.records)
    state = IterationState.CANCELLED
    chronicle.append(partial(iterations.finish, number=2, state=state, by="token:ann", reason="its plan is gone"))
    mended(world.store)
    assert not verify(world.store).damaged
    StoredWorld(root).run(iterations=3)
    assert world.store.records.read("iterations/0003/deploy") is not None


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("stage", ["ingest", "train", "deploy"])
def test_and_so_does_one_of_an_older_iteration(store, folder, stage, missing):
    before = made(StoredWorld(folder))
    path = folder / f"records/iterations/0000/{stage}.json"
    assert made_again(StoredWorld(folder), path, missing) == before


@pytest.mark.parametrize("missing", [False, True])
def test_of_an_iteration_that_is_over_a_lost_plan_stays_lost_and_the_wheel_turns_on(store, folder, missing):
    path = folder / "records/iterations/0000/plan.json"
    if missing:
        path.unlink()
    else:
        flip(path, at=len(path.read_bytes()) // 2)
    plan, _ = mended(store)
    assert [move.key for move in plan.moves] == ["records/iterations/0000/plan.json"]
    assert not verify(store).damaged
    StoredWorld(folder).run(iterations=3)
    assert store.records.read("iterations/0003/deploy") is not None
    assert not verify(store).damaged


@pytest.mark.parametrize("key", ["flywheel.json", "records/recalls/0001.json", "records/repairs/0001.json"])
def test_what_nobody_can_remake_is_beyond_repair(store, folder, key):
    store.records.write("recalls/0001", {"policies": ["p"], "episodes": [], "reason": "", "undoes": None})
    store.records.write("repairs/0001", {"moved": []})
    flip(folder / key, at=60)
    before = tree(folder)
    plan = planned(store)
    assert plan.empty
    assert [finding.key for finding in plan.beyond] == [key]
    assert repair(store, plan) is None
    assert tree(folder) == before


def test_a_damaged_file_of_an_old_policy_version_goes_to_quarantine(store, folder):
    (path,) = (folder / "policies/policy-0000").glob("*-weights")
    flip(path, at=0)
    _, record = mended(store)
    assert [moved["key"] for moved in record["moved"]] == [str(path.relative_to(folder))]
    assert not verify(store).damaged


def test_a_damaged_file_of_the_live_version_is_beyond_repair(store, folder):
    (path,) = (folder / "policies/policy-0002").glob("*-weights")
    flip(path, at=0)
    plan = planned(store)
    assert plan.empty
    assert [finding.key for finding in plan.beyond] == [str(path.relative_to(folder))]


def test_a_damaged_checkpoint_goes_to_quarantine_whole(store, folder):
    for name in ("manifest.json", "abc-learner"):
        store.objects.put(f"checkpoints/policy-0003/000000500/{name}", b"{")
    plan, _ = mended(store)
    assert len(plan.moves) == 2
    assert not any(store.objects.keys("checkpoints/"))


def test_nothing_is_repaired_where_a_newer_flywheel_wrote(store, folder):
    flip(newest_file(store, "episodes", folder))
    path = folder / "records/iterations/0001/train.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema_version": 99}))
    with pytest.raises(StoreError, match=r"0001/train.json: has schema version 99.*Nothing is repaired"):
        planned(store)
    with pytest.raises(NewerSchemaError):
        store.records.read("iterations/0001/train")


def test_a_crash_during_a_repair_loses_nothing(store, folder):
    """The object that is moved is removed last, after the record that says where it is."""
    path = newest_file(store, "episodes", folder)
    flip(path)
    plan = planned(store)

    class DiedError(Exception):
        pass

    class Dying(type(store.objects)):
        def delete(self, key):
            raise DiedError

    dying = replace(store, objects=Dying(root=folder))
    with pytest.raises(DiedError):
        repair(dying, plan)
    assert path.exists()
    again = planned(store)
    repair(store, again)
    assert not verify(store).damaged


def test_a_damaged_file_of_the_anchor_is_beyond_repair(store, folder):
    renew(store, anchor="policy-0000", reason="looked at")
    (path,) = (folder / "policies/policy-0000").glob("*-weights")
    flip(path, at=0)
    plan = planned(store)
    assert plan.empty
    assert [finding.key for finding in plan.beyond] == [str(path.relative_to(folder))]
