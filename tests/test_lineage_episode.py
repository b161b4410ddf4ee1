from dataclasses import replace

import pytest
from stored import ITERATIONS, StoredWorld

from flywheel.config import RetentionRule
from flywheel.core.episode import Source
from flywheel.core.errors import ConfigError
from flywheel.lineage.episode import episode_lineage
from flywheel.lineage.recall import recall
from flywheel.upkeep.compaction import compact, plan_compaction
from flywheel.upkeep.retention import plan_retention, retain

ALL = tuple(f"policy-{number:04d}" for number in range(1 + ITERATIONS))


def one(store, source, iteration=0):
    return next(episode for episode in store.episodes.summaries(iteration=iteration) if episode.source is source)


def test_a_demonstration_is_in_every_version(store):
    episode = one(store, Source.DEMONSTRATION)
    found = episode_lineage(store, episode.episode_id)
    assert found.episode == episode
    assert found.trained == ALL
    assert (found.left_out, found.unknown, found.recalled_by) == ((), (), ())


@pytest.mark.parametrize(
    ("source", "iteration", "trained"),
    [(Source.COLLECTION, 1, ALL[1:]), (Source.EVALUATION, 0, ALL[1:]), (Source.EVALUATION, 1, ALL[2:])],
)
def test_an_episode_is_in_the_versions_that_were_trained_after_it_was_labelled(store, source, iteration, trained):
    assert episode_lineage(store, one(store, source, iteration).episode_id).trained == trained


@pytest.mark.parametrize("source", [Source.EVALUATION, Source.FINAL])
def test_what_nobody_was_trained_on_yet_is_in_none(store, source):
    found = episode_lineage(store, one(store, source, ITERATIONS).episode_id)
    assert found.trained == ()
    assert found.labels == ()


def test_its_labels_are_told_oldest_first(store):
    episode = one(store, Source.DEMONSTRATION)
    (whole,) = store.episodes.read(episode_ids=[episode.episode_id])
    before = store.labels.read()[episode.episode_id]
    newer = replace(before[0], labeler_version=2, success=None)
    store.labels.commit([store.labels.write([newer])], transaction="a better labeler")
    found = episode_lineage(store, episode.episode_id)
    assert [(label.task, label.labeler_version, label.success) for label in found.labels] == [
        (before[0].task, 1, before[0].success),
        (before[0].task, 2, None),
        (before[1].task, 1, before[1].success),
    ]
    assert len(found.labels[0].rewards) <= whole.num_decisions


def test_what_a_versions_recalls_left_out_is_not_trained_on(tmp_path):
    world = StoredWorld(tmp_path / "store")
    world.run(iterations=0)
    episode = one(world.store, Source.DEMONSTRATION)
    recall(world.store, policies=[], episodes=[episode.episode_id], reason="")
    world.run(iterations=1)
    found = episode_lineage(world.store, episode.episode_id)
    assert found.trained == ("policy-0000",)
    assert found.left_out == ("policy-0001",)
    assert found.recalled_by == (1,)


def test_compaction_changes_no_lineage(store):
    episode = one(store, Source.COLLECTION, 1)
    before = episode_lineage(store, episode.episode_id)
    compact(store, plan_compaction(store, target_bytes=10**9))
    after = episode_lineage(store, episode.episode_id)
    assert (after.episode, after.trained) == (before.episode, before.trained)
    assert len(after.labels) == len(before.labels)


def test_an_episode_that_only_older_versions_hold_is_found(store):
    episode = one(store, Source.DEMONSTRATION)
    retain(store, plan_retention(store, [RetentionRule(max_age_iterations=1)]))
    found = episode_lineage(store, episode.episode_id)
    assert found.episode == episode
    assert found.trained == ALL


def test_versions_whose_files_are_gone_are_unknown(store):
    """After compaction the newest version still tells of the episode; what the first version read is gone."""
    episode = one(store, Source.DEMONSTRATION)
    old = [file.key for file in store.tables["episodes"].files(1)]
    compact(store, plan_compaction(store, target_bytes=10**9))
    for key in old:
        store.objects.delete(key)
    found = episode_lineage(store, episode.episode_id)
    assert found.episode == episode
    assert found.trained == ()
    assert found.unknown == ALL


def test_an_unknown_episode_is_refused(store):
    with pytest.raises(ConfigError, match="has no episode nobody"):
        episode_lineage(store, "nobody")
