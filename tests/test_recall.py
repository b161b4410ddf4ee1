from dataclasses import replace

import pytest

from flywheel.core.errors import ConfigError, StoreError
from flywheel.core.exclusion import active
from flywheel.lineage.recall import recall, recalls, undo
from flywheel.store.records import JsonRecords


def test_a_policys_episodes_are_recalled_by_a_record(store):
    made = recall(store, policies=["policy-0000"], episodes=[], reason="a broken gripper")
    assert store.records.read("recalls/0001") == {
        "policies": ["policy-0000"],
        "episodes": [],
        "reason": "a broken gripper",
        "undoes": None,
    }
    assert recalls(store.records) == [made]


def test_episodes_are_recalled_by_name_once_each(store):
    names = [episode.episode_id for episode in store.episodes.summaries()[:3]]
    made = recall(store, policies=[], episodes=[*reversed(names), names[0]], reason="")
    assert made.episodes == tuple(sorted(names))


def test_recalls_are_numbered(store):
    for number in (1, 2, 3):
        assert recall(store, policies=["demonstrator"], episodes=[], reason="").number == number


def test_an_undone_recall_no_longer_counts_and_can_be_made_anew(store):
    recall(store, policies=["demonstrator"], episodes=[], reason="")
    assert undo(store, 1, reason="it was fine").undoes == 1
    assert active(recalls(store.records)) == []
    again = recall(store, policies=["demonstrator"], episodes=[], reason="it was not")
    assert active(recalls(store.records)) == [again]


@pytest.mark.parametrize(
    ("policies", "episodes", "told"),
    [
        ([], [], "needs a policy version or episodes"),
        (["policy-0099"], [], "policy-0099 made no episode of .*; those that did: demonstrator, policy-0000"),
        ([], ["nobody"], "has no episode nobody"),
        ([], ["b", "a", "c"], "has no episode a, nor 2 more of those given"),
    ],
)
def test_what_is_not_there_cannot_be_recalled(store, policies, episodes, told):
    with pytest.raises(ConfigError, match=told):
        recall(store, policies=policies, episodes=episodes, reason="")
    assert recalls(store.records) == []


def test_what_is_not_recalled_cannot_be_undone(store):
    with pytest.raises(ConfigError, match="has no recall 1; it has 0"):
        undo(store, 1, reason="")
    recall(store, policies=["demonstrator"], episodes=[], reason="")
    undo(store, 1, reason="")
    for number in (1, 2):
        with pytest.raises(ConfigError, match=f"recall {number} .* does not count any more"):
            undo(store, number, reason="")
    assert len(recalls(store.records)) == 2


def test_who_recalls_at_the_same_time_gets_the_next_number(store):
    class Overtaken(JsonRecords):
        """Another process takes the first number just before this one."""

        def write(self, key, record):
            if key == "recalls/0001":
                recall(store, policies=["policy-0001"], episodes=[], reason="theirs")
            super().write(key, record)

    overtaken = replace(store, records=Overtaken(objects=store.objects))
    assert recall(overtaken, policies=["policy-0000"], episodes=[], reason="ours").number == 2
    assert [some.reason for some in recalls(store.records)] == ["theirs", "ours"]


def test_a_damaged_recall_is_an_error_and_not_forgotten(store, folder):
    recall(store, policies=["policy-0000"], episodes=[], reason="")
    path = folder / "records/recalls/0001.json"
    path.write_text(path.read_text().replace("policy-0000", "policy-0001"))
    with pytest.raises(StoreError, match=r"recalls/0001.json: damaged or edited"):
        recalls(store.records)
