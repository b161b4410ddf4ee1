import pytest
from stored import StoredWorld, edited

from flywheel.core.errors import ConfigError, StoreError
from flywheel.core.gate import Decision
from flywheel.lineage.gate import explain, renew


def test_a_stored_decision_follows_from_its_pairs(store):
    found = explain(store, 1)
    assert (found.policy_id, found.live) == ("policy-0001", "policy-0000")
    assert found.stored == ("promote", found.verdict.reason)
    assert found.verdict.decision is Decision.PROMOTE
    assert [look.pairs for look in found.verdict.looks] == [8, 16]
    assert found.differences == ()


def test_the_first_version_was_compared_with_nobody(store):
    found = explain(store, 0)
    assert (found.gate, found.verdict, found.differences) == (None, None, ())


def test_a_decision_that_does_not_follow_from_its_pairs_is_told(store, folder):
    edited(folder, "evaluate", lambda content: content.update(decision="reject"))
    assert explain(store, 1).differences == ("decision: stored 'reject', recomputed 'promote'",)


def test_pairs_that_were_changed_are_told(store, folder):
    def swap(content):
        content["evidence"]["pairs"] = {task: "L" * 16 for task in content["evidence"]["pairs"]}

    edited(folder, "evaluate", swap)
    assert [difference.split(":")[0] for difference in explain(store, 1).differences] == ["decision", "reason", "looks"]


def test_a_record_without_evidence_is_refused(store, folder):
    edited(folder, "evaluate", lambda content: content["evidence"].pop("pairs"))
    with pytest.raises(StoreError, match="iteration 1: its records do not hold the gate's evidence"):
        explain(store, 1)


def test_an_iteration_that_was_not_evaluated_is_refused(store):
    with pytest.raises(ConfigError, match="has no evaluation of iteration 7; it has 0, 1, 2"):
        explain(store, 7)


def test_a_new_budget_counts_from_the_next_plan_on(store, folder):
    assert renew(store, anchor="policy-0000", reason="seen") == 1
    world = StoredWorld(folder)
    world.run(iterations=3)
    planned = world.records.read("iterations/0003/plan")
    assert planned["budget"] == {"number": 1, "campaign": None, "attempts": 0, "promotions": 0}
    assert planned["gate"]["anchor"] == "policy-0000"
    assert renew(store, anchor=None, reason="") == 2


def test_an_anchor_that_is_not_there_is_refused(store):
    with pytest.raises(ConfigError, match="no policy version policy-0009"):
        renew(store, anchor="policy-0009", reason="")
    assert store.records.keys("budgets/") == []
