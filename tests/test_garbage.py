from datetime import UTC, datetime, timedelta

import pytest
from builders import make_episode
from factories import policy_version
from stored import StoredWorld, cut_short, flip, interrupted, tree

from flywheel.config import RetentionRule
from flywheel.core.errors import StoreError
from flywheel.store.objects import open_objects
from flywheel.upkeep.compaction import compact, plan_compaction
from flywheel.upkeep.finding import Kind
from flywheel.upkeep.garbage import collect_garbage, plan_garbage
from flywheel.upkeep.retention import plan_retention, retain
from flywheel.upkeep.verify import verify


def plan(store, *, rollback=0, grace=timedelta(0), later=timedelta(hours=1)):
    """As an hour from now, so that what the test wrote is old enough."""
    return plan_garbage(store, rollback_versions=rollback, grace=grace, now=datetime.now(UTC) + later)


def keys(found):
    return {some.entry.key for some in found.garbage}


def compacted(store):
    """Compacts and returns the files that were replaced."""
    before = {file.key for table in store.tables.values() for file in table.files(None)}
    compact(store, plan_compaction(store, target_bytes=10**9))
    return before


def test_of_a_finished_run_everything_is_needed(store):
    assert plan(store).garbage == ()


def test_files_that_compaction_replaced_stay_while_the_live_version_was_trained_on_them(store):
    replaced = compacted(store)
    trained_on = store.policies.version("policy-0002").trained_on
    needed = {file.key for name, table in store.tables.items() for file in table.files(trained_on[name])}
    outcomes = [store.records.read(f"iterations/0002/{stage}") for stage in ("collect", "relabel", "evaluate")]
    last = {file.key for outcome in outcomes for file in store.tables["episodes"].files(outcome["episodes_version"])}
    assert keys(plan(store)) == replaced - needed - last
    assert keys(plan(store))


def test_what_a_version_to_roll_back_to_was_trained_on_stays(store):
    retain(store, plan_retention(store, [RetentionRule(max_age_iterations=1)]))
    for rollback in (0, 1, 2):
        found = plan(store, rollback=rollback)
        assert found.kept.policies == ("policy-0002", "policy-0001", "policy-0000")[: 1 + rollback]
        for policy_id in found.kept.policies:
            trained_on = store.policies.version(policy_id).trained_on
            assert trained_on["episodes"] in found.kept.versions["episodes"]
            assert trained_on["labels"] in found.kept.versions["labels"]


def test_the_kept_versions_read_the_same_after_the_others_are_gone(store):
    compacted(store)
    versions = {**store.policies.version("policy-0002").trained_on}
    before = [episode.episode_id for episode in store.episodes.read(version=versions["episodes"])]
    newest = store.episodes.summaries()
    labels = store.labels.read(version=versions["labels"]).keys()
    found = plan(store)
    collect_garbage(store, found)
    assert [episode.episode_id for episode in store.episodes.read(version=versions["episodes"])] == before
    assert store.episodes.summaries() == newest
    assert store.labels.read(version=versions["labels"]).keys() == labels
    assert {key for key in keys(found) if any(store.objects.keys(key))} == set()


def test_verify_knows_what_was_deleted(store):
    compacted(store)
    (record,) = collect_garbage(store, plan(store))
    found = verify(store)
    assert not found.damaged
    assert store.records.read(record)["kept_policies"] == ["policy-0002"]
    assert set(store.records.read(record)["deleted"]) >= {finding.key for finding in found.of(Kind.LOST)}


def test_planning_changes_nothing(store, folder):
    compacted(store)
    before = tree(folder)
    assert plan(store).garbage
    assert tree(folder) == before


def test_young_files_are_never_garbage(store):
    part = store.episodes.write([make_episode(episode_id="about to be committed")])
    assert keys(plan(store, grace=timedelta(hours=2))) == set()
    assert keys(plan(store, grace=timedelta(minutes=30))) == {f"episodes/{part.path}"}


def test_a_file_that_is_written_anew_after_the_plan_stays(store):
    part = store.episodes.write([make_episode(episode_id="made again")])
    found = plan(store)
    assert store.episodes.write([make_episode(episode_id="made again")]) == part
    collect_garbage(store, found)
    assert store.episodes.commit([part], transaction="made again")
    assert not verify(store).damaged


def test_what_dead_trainings_left_goes_and_what_runs_stays(store):
    for key in ("policies/policy-0001/abc-weights", "policies/policy-0009/abc-weights"):
        store.objects.put(key, b"of an attempt that died")
    store.objects.put("policies/policy-0003/abc-weights", b"being written")
    store.objects.put("checkpoints/policy-0001/000000500/manifest.json", b"of a finished version")
    store.objects.put("checkpoints/policy-0003/000000500/manifest.json", b"to go on from")
    assert keys(plan(store)) == {
        "policies/policy-0001/abc-weights",
        "policies/policy-0009/abc-weights",
        "checkpoints/policy-0001/000000500/manifest.json",
    }


def test_finished_policy_versions_stay_for_ever(store):
    store.policies.save(policy_version("policy-0077"), {"weights": b"nobody names it"})
    assert plan(store).garbage == ()


def test_weights_whose_manifest_is_lost_stay(store, folder):
    (folder / "policies/policy-0001/manifest.json").unlink()
    assert plan(store).garbage == ()


def test_nothing_is_deleted_where_the_manifest_of_a_live_version_is_lost(store, folder):
    (folder / "policies/policy-0002/manifest.json").unlink()
    with pytest.raises(StoreError, match=r"policies/policy-0002/: missing, though it was live"):
        plan(store)


def test_nothing_is_deleted_where_a_record_is_damaged(store, folder):
    flip(folder / "records/iterations/0000/ingest.json", at=40)
    with pytest.raises(StoreError, match=r"records/iterations/0000/ingest.json: .*Nobody can tell what must be kept"):
        plan(store)


@pytest.mark.parametrize("stage", ["collect", "relabel", "train", "evaluate", "deploy"])
def test_an_unfinished_iteration_goes_on_after_compaction_and_collection(tmp_path, store, stage):
    root = tmp_path / "interrupted"
    world = interrupted(root, at=f"iterations/0001/{stage}")
    compacted(world.store)
    collect_garbage(world.store, plan(world.store))
    after = StoredWorld(root)
    after.run()
    assert after.episodes.summaries() == store.episodes.summaries()
    assert not verify(after.store).damaged


@pytest.mark.parametrize("after", ["plan", "train", "evaluate"])
def test_after_an_iteration_that_was_cancelled_the_next_is_due_and_goes_on_after_a_collection(tmp_path, after):
    roots = tmp_path / "undisturbed", tmp_path / "collected"
    undisturbed, world = (cut_short(root, after=after) for root in roots)
    compacted(world.store)
    world.store.objects.put("policies/policy-0002/abc-weights", b"being written")
    world.store.objects.put("checkpoints/policy-0002/000000500/manifest.json", b"to go on from")
    found = plan(world.store)
    assert found.kept.in_training == "policy-0002"
    assert not any("policy-0002" in key for key in keys(found))
    collect_garbage(world.store, found)
    for key in ("policies/policy-0002/abc-weights", "checkpoints/policy-0002/000000500/manifest.json"):
        world.store.objects.delete(key)
    for some in (undisturbed, world):
        some.run()
    assert world.episodes.summaries() == undisturbed.episodes.summaries()
    assert not verify(world.store).damaged


def test_checkpoints_of_a_training_that_was_cancelled_are_garbage(tmp_path):
    world = cut_short(tmp_path / "store", after="relabel")
    key = "checkpoints/policy-0001/000000500/manifest.json"
    world.store.objects.put(key, b"nobody goes on from it")
    assert keys(plan(world.store)) == {key}


def test_what_is_quarantined_stays(store):
    open_objects(store.url).put("quarantine/20260101T000000Z/episodes/part-1.parquet", b"damaged")
    assert plan(store).garbage == ()
