import pytest
from builders import make_episode
from fakes import MemoryEpisodes
from pydantic import ValidationError
from stored import tree
from world import PUSH, REACH

from flywheel.config import RetentionRule
from flywheel.core.episode import Outcome, Source
from flywheel.upkeep.retention import expired, plan_retention, retain
from flywheel.upkeep.verify import verify

OLD = RetentionRule(max_age_iterations=1)
"""At iteration 2 everything of iteration 0 goes."""


def summary(**changes):
    episodes = MemoryEpisodes()
    episodes.commit([episodes.write([make_episode(**changes)])], transaction="one")
    return episodes.summaries()[0]


@pytest.mark.parametrize(
    ("rules", "gone"),
    [
        ([], False),
        ([RetentionRule(max_age_iterations=3)], False),
        ([RetentionRule(max_age_iterations=2)], True),
        ([RetentionRule(max_age_iterations=None)], False),
        ([RetentionRule(max_age_iterations=1, outcomes=[Outcome.SUCCESS])], False),
        ([RetentionRule(max_age_iterations=1, outcomes=[Outcome.SUCCESS, Outcome.FAILURE])], True),
        ([RetentionRule(max_age_iterations=1, tasks=["suite/push"])], False),
        ([RetentionRule(max_age_iterations=1, tasks=["suite/reach"])], True),
        ([RetentionRule(max_age_iterations=1, sources=[Source.COLLECTION])], False),
        ([RetentionRule(max_age_iterations=1, sources=[Source.DEMONSTRATION])], True),
        # The first that fits decides.
        ([RetentionRule(max_age_iterations=None, sources=[Source.DEMONSTRATION]), OLD], False),
        ([RetentionRule(max_age_iterations=None, sources=[Source.COLLECTION]), OLD], True),
    ],
)
def test_the_first_rule_that_fits_decides_by_the_age(rules, gone):
    """A failed demonstration of suite/reach from iteration 4, at iteration 7: 3 iterations old."""
    assert expired(summary(iteration=4), rules, newest_iteration=7) is gone


def test_an_age_of_less_than_one_iteration_is_refused():
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        RetentionRule(max_age_iterations=0)


def test_what_goes_is_counted_by_task_source_outcome_and_iteration(store):
    plan = plan_retention(store, [OLD])
    assert plan.newest_iteration == 2
    # RISING: 1 of 3 and 1 of 2 demonstrations succeed; 1 of 4 evaluation episodes of each task.
    assert plan.counts == {
        (REACH, "demonstration", "success", 0): 1,
        (REACH, "demonstration", "failure", 0): 2,
        (PUSH, "demonstration", "success", 0): 1,
        (PUSH, "demonstration", "failure", 0): 1,
        (REACH, "evaluation", "success", 0): 1,
        (REACH, "evaluation", "failure", 0): 3,
        (PUSH, "evaluation", "success", 0): 1,
        (PUSH, "evaluation", "failure", 0): 3,
    }
    assert plan.num_kept == len(store.episodes.summaries()) - 13


def test_the_next_versions_leave_them_and_their_labels_out(store):
    plan = plan_retention(store, [OLD])
    before = store.labels.read()
    done = retain(store, plan)
    assert [some.table for some in done] == ["labels", "episodes"]
    assert done[1].num_rows == 13
    left = {episode.episode_id for episode in store.episodes.summaries()}
    assert len(left) == plan.num_kept
    assert not left & plan.episode_ids
    assert store.labels.read().keys() == before.keys() - plan.episode_ids


def test_older_versions_and_all_files_stay(store, folder):
    version, labels_version = store.tables["episodes"].newest(), store.tables["labels"].newest()
    before = store.episodes.summaries(), store.labels.read().keys(), tree(folder)
    retain(store, plan_retention(store, [OLD]))
    assert store.episodes.summaries(version=version) == before[0]
    assert store.labels.read(version=labels_version).keys() == before[1]
    after = tree(folder)
    assert {name: after[name] for name in before[2]} == before[2]
    assert not verify(store).damaged


def test_without_rules_nothing_goes(store):
    version = store.tables["episodes"].newest()
    plan = plan_retention(store, [])
    assert plan.episode_ids == frozenset()
    assert retain(store, plan) == []
    assert store.tables["episodes"].newest() == version


def test_planning_changes_nothing(store, folder):
    before = tree(folder)
    assert plan_retention(store, [OLD]).episode_ids
    assert tree(folder) == before


def test_applied_twice_it_changes_nothing_more(store):
    plan = plan_retention(store, [OLD])
    retain(store, plan)
    version = store.tables["episodes"].newest()
    assert plan_retention(store, [OLD]).episode_ids == frozenset()
    assert retain(store, plan) == []
    assert store.tables["episodes"].newest() == version


def test_what_stays_is_read_as_before(store):
    plan = plan_retention(store, [RetentionRule(max_age_iterations=1, outcomes=[Outcome.FAILURE], tasks=[REACH])])
    staying = {
        episode.episode_id: episode.actions.tobytes()
        for episode in store.episodes.read()
        if episode.episode_id not in plan.episode_ids
    }
    retain(store, plan)
    assert {episode.episode_id: episode.actions.tobytes() for episode in store.episodes.read()} == staying


def test_a_crash_between_the_tables_is_mended_by_the_next_time(store):
    class DiedError(Exception):
        pass

    def die(what, done, total):
        if what == "episodes":
            raise DiedError

    plan = plan_retention(store, [OLD])
    with pytest.raises(DiedError):
        retain(store, plan, die)
    assert not verify(store).damaged
    retain(store, plan_retention(store, [OLD]))
    assert not {episode.episode_id for episode in store.episodes.summaries()} & plan.episode_ids
    assert not verify(store).damaged
