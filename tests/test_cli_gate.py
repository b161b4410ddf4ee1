import json

from stored import edited


def test_a_decision_is_explained_look_by_look(flywheel, folder):
    code, out, err = flywheel("gate", "explain", "1", "--store", folder)
    assert (code, err) == (0, "")
    assert "iteration 1: policy-0001 against policy-0000: promote, not worse on any task" in out
    assert "suite/reach" in out
    # z of the improvement: 12 wins and no loss.
    assert "3.4641" in out
    assert "recomputed: promote" in out
    assert "differs" not in out


def test_an_explanation_as_json_holds_every_look(flywheel, folder):
    code, out, _ = flywheel("gate", "explain", "1", "--store", folder, "--json")
    assert code == 0
    found = json.loads(out)
    assert found["stored"]["decision"] == found["recomputed"]["decision"] == "promote"
    assert [look["pairs"] for look in found["recomputed"]["looks"]] == [8, 16]
    assert found["gate"]["alpha"] == 0.02
    assert found["differences"] == []


def test_a_stored_decision_that_differs_is_told_with_exit_code_1(flywheel, folder):
    edited(folder, "evaluate", lambda content: content.update(decision="reject"))
    code, out, _ = flywheel("gate", "explain", "1", "--store", folder)
    assert code == 1
    assert "differs: decision: stored 'reject', recomputed 'promote'" in out
    assert flywheel("gate", "explain", "1", "--store", folder, "--json")[0] == 1


def test_where_nothing_was_compared_that_is_said(flywheel, folder):
    code, out, _ = flywheel("gate", "explain", "0", "--store", folder)
    assert code == 0
    assert "nothing was compared" in out


def test_an_iteration_that_is_not_there_is_refused(flywheel, folder):
    code, _, err = flywheel("gate", "explain", "9", "--store", folder)
    assert code == 2
    assert "no evaluation of iteration 9" in err


def test_a_new_error_budget_is_opened(flywheel, store, folder):
    code, out, _ = flywheel("gate", "renew", "--store", folder, "--anchor", "1", "--reason", "looked at")
    assert code == 0
    assert "error budget 1 is open" in out
    assert store.records.read("budgets/0001") == {"anchor": "policy-0001", "reason": "looked at"}
