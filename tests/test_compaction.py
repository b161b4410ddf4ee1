from itertools import pairwise

import pytest
from builders import make_episode
from factories import content
from stored import flip, newest_file, tree

from flywheel.core.errors import StoreError
from flywheel.upkeep.compaction import compact, plan_compaction
from flywheel.upkeep.verify import verify

LARGE = 10**9


def read(store, *, episodes=None, labels=None):
    """Everything that versions of the tables hold, to the bit."""
    return (
        [content(episode) for episode in store.episodes.read(version=episodes)],
        store.episodes.summaries(version=episodes),
        {name: [content(label) for label in some] for name, some in store.labels.read(version=labels).items()},
    )


def paths(store, table, version=None):
    return [file.path for file in store.tables[table].files(version)]


def test_many_small_files_become_one_that_reads_the_same(store):
    before = read(store)
    versions = {name: table.newest() for name, table in store.tables.items()}
    assert len(paths(store, "episodes")) > 5
    done = compact(store, plan_compaction(store, target_bytes=LARGE))
    assert [(some.table, some.files_after) for some in done] == [("episodes", 1), ("labels", 1)]
    assert {some.table: some.version for some in done} == {name: version + 1 for name, version in versions.items()}
    assert read(store) == before


def test_older_versions_read_the_files_that_they_name(store, folder):
    before = read(store, episodes=2, labels=1)
    files = tree(folder)
    compact(store, plan_compaction(store, target_bytes=LARGE))
    assert read(store, episodes=2, labels=1) == before
    after = tree(folder)
    assert {name: after[name] for name in files} == files
    assert not verify(store).damaged


def test_planning_changes_nothing(store, folder):
    before = tree(folder)
    assert plan_compaction(store, target_bytes=LARGE)
    assert tree(folder) == before


def test_files_are_joined_up_to_the_target_with_their_neighbours(store):
    sizes = [file.num_bytes for file in store.tables["episodes"].files(None)]
    target = 2 * max(sizes) + min(sizes)
    batches = [batch for batch in plan_compaction(store, target_bytes=target) if batch.table == "episodes"]
    assert len(batches) > 1
    for batch in batches:
        assert len(batch.files) > 1
        assert batch.num_bytes <= target
    ranges = [
        (min(file.least["episode_id"] for file in batch.files), max(file.least["episode_id"] for file in batch.files))
        for batch in batches
    ]
    assert all(before[1] <= after[0] for before, after in pairwise(ranges))


def test_what_is_compact_is_left_alone(store):
    compact(store, plan_compaction(store, target_bytes=LARGE))
    version = store.tables["episodes"].newest()
    size = store.tables["episodes"].files(None)[0].num_bytes
    assert plan_compaction(store, target_bytes=LARGE) == []
    assert plan_compaction(store, target_bytes=2 * size) == []
    assert compact(store, []) == []
    assert store.tables["episodes"].newest() == version


def test_what_is_committed_meanwhile_stays(store):
    batches = plan_compaction(store, target_bytes=LARGE)
    store.episodes.commit([store.episodes.write([make_episode(episode_id="late")])], transaction="late")
    compact(store, batches)
    assert "late" in {episode.episode_id for episode in store.episodes.summaries()}
    assert len(paths(store, "episodes")) == 2


def test_who_compacts_second_changes_nothing(store):
    first = plan_compaction(store, target_bytes=LARGE)
    second = [batch for batch in first if batch.table == "episodes"]
    shorter = type(second[0])(table="episodes", files=second[0].files[:-1])
    compact(store, first)
    before, version = read(store), store.tables["episodes"].newest()
    with pytest.raises(StoreError, match=r"table episodes: somebody else replaced part-.* meanwhile; try again"):
        compact(store, [shorter])
    assert (read(store), store.tables["episodes"].newest()) == (before, version)


def test_the_same_compaction_twice_commits_once(store):
    batches = plan_compaction(store, target_bytes=LARGE)
    assert compact(store, batches)[0].version == compact(store, batches)[0].version


def test_a_damaged_file_stops_it_and_the_table_is_as_it_was(store, folder):
    version = store.tables["episodes"].newest()
    flip(newest_file(store, "episodes", folder), at=200)
    with pytest.raises(StoreError, match="damaged"):
        compact(store, plan_compaction(store, target_bytes=LARGE))
    assert store.tables["episodes"].newest() == version


def test_delta_lake_is_told_that_no_data_changed(store, folder):
    done = compact(store, plan_compaction(store, target_bytes=LARGE))
    log = (folder / f"episodes/_delta_log/{done[0].version:020d}.json").read_text()
    assert log.count('"dataChange":false') == done[0].files_before + 1
    assert '"dataChange":true' not in log


def test_a_stage_repeated_after_compaction_finds_its_commit(store):
    before = store.episodes.committed("0001-collect")
    compact(store, plan_compaction(store, target_bytes=LARGE))
    assert store.episodes.committed("0001-collect") == before
