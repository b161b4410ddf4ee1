import json
from dataclasses import replace

import pytest
from builders import make_episode, make_label
from stored import ITERATIONS, cut_short, flip, interrupted, newest_file, tree

from flywheel.core.control import IterationState
from flywheel.core.errors import CheckpointError, StoreUnavailableError
from flywheel.store.episodes import DeltaEpisodes
from flywheel.store.folder import LocalFolder
from flywheel.store.labels import DeltaLabels
from flywheel.store.policies import ObjectPolicies
from flywheel.store.records import JsonRecords
from flywheel.store.sealed import seal
from flywheel.store.whole import open_store
from flywheel.upkeep.finding import Area, Kind
from flywheel.upkeep.verify import verify


def problems(store, *, kind=Kind.DAMAGE, quick=False):
    """Object -> what is wrong with it."""
    return {finding.key: finding.problem for finding in verify(store, quick=quick).of(kind)}


def test_a_finished_run_is_whole(store):
    found = verify(store)
    assert found.findings == ()
    assert not found.damaged
    # Of 2 tasks: 3 + 2 demonstrations; 2 collected twice; 4 evaluated in iteration 0, twice 16 later; 5 final.
    episodes = 5 + 2 * 2 * ITERATIONS + 2 * (4 + 2 * 16 * ITERATIONS) + 2 * 5
    assert found.counts["episodes"] == episodes
    assert found.counts["policy versions"] == 1 + ITERATIONS
    # Of each iteration 6 stages; in the chronicle these, that it was asked for, began, was promoted, and ended.
    assert found.counts["records"] == (6 + 10) * (1 + ITERATIONS) + 1
    assert found.counts["labels"] > episodes / 2


def test_looking_changes_nothing(store, folder):
    before = tree(folder)
    verify(store)
    assert tree(folder) == before


def test_progress_is_told_to_the_end(store):
    told = {}
    verify(store, progress=lambda what, done, total: told.update({what: (done, total)}))
    assert told.keys() >= {"episodes", "labels", "policies"}
    assert all(done == total for done, total in told.values())


@pytest.mark.parametrize("table", ["episodes", "labels"])
@pytest.mark.parametrize("quick", [True, False])
def test_a_missing_file_of_a_table_is_named(store, folder, table, quick):
    path = newest_file(store, table, folder)
    path.unlink()
    found = problems(store, quick=quick)
    assert "missing: version" in found[str(path.relative_to(folder))]


@pytest.mark.parametrize("table", ["episodes", "labels"])
@pytest.mark.parametrize("quick", [True, False])
def test_a_truncated_file_of_a_table_is_named(store, folder, table, quick):
    path = newest_file(store, table, folder)
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:-10])
    assert problems(store, quick=quick)[str(path.relative_to(folder))] == (
        f"has {size - 10} bytes, the table says {size}"
    )


@pytest.mark.parametrize("table", ["episodes", "labels"])
def test_a_flipped_bit_is_found_by_reading_and_only_by_reading(store, folder, table):
    path = newest_file(store, table, folder)
    flip(path)
    assert problems(store)[str(path.relative_to(folder))] == "damaged: its sha256 is not the one in its name"
    assert problems(store, quick=True) == {}


@pytest.mark.parametrize("name", ["ingest", "relabel", "train", "evaluate", "deploy"])
def test_an_edited_record_is_named(store, folder, name):
    path = folder / f"records/iterations/0000/{name}.json"
    path.write_text(path.read_text().replace('"wall_s"', '"walls"'))
    assert problems(store) == {
        f"records/iterations/0000/{name}.json": "damaged or edited: its digest does not match its content"
    }


@pytest.mark.parametrize("name", ["0000/deploy", "0001/plan", "0001/collect", "0001/train", "0002/deploy"])
def test_a_missing_record_is_named_by_the_chronicle(store, folder, name):
    path = folder / f"records/iterations/{name}.json"
    path.unlink()
    assert problems(store) == {f"records/iterations/{name}.json": "missing, though the chronicle tells of it"}


def test_a_record_that_nothing_leads_to_names_what_is_missing(store):
    store.records.write("iterations/0003/evaluate", store.records.read("iterations/0002/evaluate"))
    assert problems(store)["records/iterations/0003/plan.json"] == "missing, though iterations/0003/evaluate follows it"


@pytest.mark.parametrize("state", [IterationState.CANCELLED, IterationState.FAILED])
@pytest.mark.parametrize("after", ["plan", "collect", "relabel", "train", "evaluate"])
def test_an_iteration_that_was_over_before_its_end_is_whole(tmp_path, state, after):
    world = cut_short(tmp_path / "store", after=after, state=state)
    assert verify(world.store).findings == ()
    world.run()
    assert verify(world.store).findings == ()
    assert world.records.keys("iterations/0002/") != []


def test_what_was_collected_before_a_cancel_is_whole(tmp_path):
    world = cut_short(tmp_path / "store", after="plan", collected=3)
    (_, version) = world.store.tables["episodes"].commits(["0001-collect-stopped"]).popitem()
    kept = [some for some in world.episodes.summaries(version=version, iteration=1)]
    assert len(kept) == 3
    world.run()
    assert verify(world.store).findings == ()
    labels = world.labels.read()
    assert all(episode.episode_id in labels for episode in kept)


def test_a_record_without_what_its_stage_must_produce_is_named(store, folder):
    path = folder / "records/iterations/0002/deploy.json"
    path.write_bytes(seal({"live": "policy-0002"}, name="deploy"))
    assert problems(store) == {"records/iterations/0002/deploy.json": "damaged: it does not hold deployed, reason"}


def test_a_damaged_or_missing_identity_is_named(store, folder):
    path = folder / "flywheel.json"
    flip(path)
    assert "flywheel.json" in problems(store)
    path.unlink()
    assert problems(store)["flywheel.json"].startswith("missing")


def test_what_a_newer_flywheel_wrote_is_not_called_damage(store, folder):
    for key in ("records/iterations/0001/train.json", "policies/policy-0001/manifest.json"):
        path = folder / key
        path.write_text(json.dumps({**json.loads(path.read_text()), "schema_version": 99}))
    found = problems(store, kind=Kind.NEWER)
    assert found.keys() == {"records/iterations/0001/train.json", "policies/policy-0001/manifest.json"}
    assert all("use a newer flywheel" in problem for problem in found.values())
    assert verify(store).damaged


@pytest.mark.parametrize("quick", [True, False])
def test_a_missing_file_of_a_policy_version_is_named(store, folder, quick):
    (path,) = (folder / "policies/policy-0001").glob("*-weights")
    path.unlink()
    assert problems(store, quick=quick) == {str(path.relative_to(folder)): "file weights is missing"}


def test_a_damaged_file_of_a_policy_version_is_named(store, folder):
    (path,) = (folder / "policies/policy-0001").glob("*-weights")
    flip(path, at=0)
    assert problems(store) == {
        str(path.relative_to(folder)): "file weights is damaged: its sha256 is not the manifest's"
    }


def test_a_policy_version_that_a_record_names_must_be_there(store, folder):
    (folder / "policies/policy-0001/manifest.json").unlink()
    found = problems(store)
    assert found["policies/policy-0001/manifest.json"] == (
        "missing: record iterations/0001/train names the policy version"
    )


def test_a_policy_version_must_be_the_one_that_its_record_names(store, folder):
    path = folder / "policies/policy-0001/manifest.json"
    content = json.loads(path.read_text())["content"]
    content["version"]["digest"] = "f" * 64
    path.write_bytes(seal(content, name="manifest"))
    assert problems(store)["policies/policy-0001/manifest.json"].startswith(f"its digest is {'f' * 64}, record")


def test_a_record_of_another_commit_than_the_tables_is_named(store, folder):
    path = folder / "records/iterations/0002/relabel.json"
    content = json.loads(path.read_text())["content"]
    path.write_bytes(seal({**content, "labels_version": 1}, name="relabel"))
    assert problems(store) == {
        "records/iterations/0002/relabel.json": "says that 0002-relabel was committed in version 1 of labels; it was "
        f"committed in version {content['labels_version']}"
    }


def test_a_version_that_the_table_does_not_have_is_named(store, folder):
    path = folder / "records/final/0002.json"
    content = json.loads(path.read_text())["content"]
    path.write_bytes(seal({**content, "episodes_version": 99}, name="final"))
    found = problems(store)
    assert "a record names version 99" in found["episodes/_delta_log/"]
    assert "0002-final" in found["records/final/0002.json"]


def test_a_label_without_its_episode_is_named(store):
    part = store.labels.write([make_label(make_episode(episode_id="nobody"))])
    store.labels.commit([part], transaction="odd")
    (problem,) = problems(store).values()
    assert problem.startswith("labels of 1 episode(s) have nothing to judge, the first: nobody is not in")


def test_a_label_that_is_longer_than_its_episode_is_named(store):
    part = store.episodes.write([make_episode(episode_id="short", num_decisions=2)])
    store.episodes.commit([part], transaction="short")
    part = store.labels.write([make_label(make_episode(episode_id="short", num_decisions=3))])
    store.labels.commit([part], transaction="long")
    (problem,) = problems(store).values()
    assert "the first: short has only 2 decisions" in problem


def test_an_episode_that_is_there_twice_is_named(store):
    (episode,) = store.episodes.read(episode_ids=[store.episodes.summaries()[0].episode_id])
    store.episodes.commit([store.episodes.write([episode])], transaction="again")
    (problem,) = problems(store).values()
    assert f"holds 1 episode(s) twice, the first: {episode.episode_id}" in problem


def test_what_an_interrupted_process_left_is_not_damage(store):
    part = store.episodes.write([make_episode(episode_id="uncommitted")])
    store.objects.put("policies/policy-0009/abc-weights", b"half of it")
    store.objects.put("policies/policy-0001/abc-weights", b"of an earlier attempt")
    found = verify(store)
    assert not found.damaged
    assert {finding.key: finding.area for finding in found.of(Kind.LEFTOVER)} == {
        f"episodes/{part.path}": Area.EPISODES,
        "policies/policy-0009/": Area.POLICIES,
        "policies/policy-0001/abc-weights": Area.POLICIES,
    }


def test_a_stage_that_committed_and_died_before_its_record_is_left_over(store, folder):
    (folder / "records/final/0002.json").unlink()
    (problem,) = problems(store, kind=Kind.LEFTOVER).values()
    assert problem.startswith("0002-final is committed in version")


@pytest.mark.parametrize("stage", ["collect", "relabel", "evaluate"])
def test_an_unfinished_iteration_is_whole(tmp_path, stage):
    found = verify(interrupted(tmp_path / "store", at=f"iterations/0001/{stage}").store)
    assert not found.damaged
    assert any(f"0001-{stage}" in finding.problem for finding in found.of(Kind.LEFTOVER))


def test_a_damaged_checkpoint_is_named(store, folder):
    world = open_store(str(folder))
    world.objects.put("checkpoints/policy-0003/000000500/manifest.json", b"{")
    found = verify(world)
    assert [finding.area for finding in found.of(Kind.DAMAGE)] == [Area.CHECKPOINTS]


def test_an_object_that_a_record_says_was_deleted_is_lost_and_not_damaged(store, folder):
    (path,) = (folder / "policies/policy-0000").glob("*-weights")
    key = str(path.relative_to(folder))
    path.unlink()
    store.records.write("garbage/0001", {"deleted": [key]})
    found = verify(store)
    assert not found.damaged
    assert {finding.key: finding.problem for finding in found.of(Kind.LOST)} == {key: "deleted by garbage/0001"}


def test_what_the_newest_version_needs_is_damage_whatever_a_record_says(store, folder):
    path = newest_file(store, "episodes", folder)
    key = str(path.relative_to(folder))
    path.unlink()
    store.records.write("garbage/0001", {"deleted": [key]})
    assert key in problems(store)


def test_a_table_whose_log_cannot_be_read_is_named(store, folder):
    for path in (folder / "labels/_delta_log").iterdir():
        path.write_bytes(b"{")
    assert problems(store).keys() == {"labels/_delta_log/"}
    with pytest.raises(CheckpointError):
        store.policies.load("policy-0099")


@pytest.mark.parametrize("key", ["records/iterations/0001/train.json", "policies/policy-0001/manifest.json", "part-"])
def test_a_store_that_does_not_answer_is_not_damaged(store, folder, key):
    class Silent(LocalFolder):
        """Answers until one object is read."""

        def get(self, asked):
            if key in asked:
                raise StoreUnavailableError(f"{asked}: no answer in 60 s")
            return super().get(asked)

    silent = Silent(root=folder)
    away = replace(
        store,
        objects=silent,
        records=JsonRecords(objects=silent),
        policies=ObjectPolicies(objects=silent),
        episodes=DeltaEpisodes(objects=silent),
        labels=DeltaLabels(objects=silent),
    )
    with pytest.raises(StoreUnavailableError, match="no answer"):
        verify(away)
