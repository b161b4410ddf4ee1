import pytest
from stored import StoredWorld, cut_short
from world import PUSH, REACH

from flywheel.core.code_version import CODE_VERSION
from flywheel.core.errors import ConfigError
from flywheel.lineage.policy import policy_id, policy_lineage
from flywheel.lineage.recall import recall, undo


def test_a_number_is_enough_to_name_a_version():
    assert policy_id("7") == policy_id("0007") == policy_id("policy-0007") == "policy-0007"


def test_a_version_says_what_it_was_made_from(store):
    found = policy_lineage(store, "1")
    assert found.version == store.policies.version("policy-0001")
    assert found.version.parent == "policy-0000"
    assert found.children == ("policy-0002",)
    # Iteration 0's demonstrations and evaluation, and what policy-0000 collected for iteration 1.
    assert found.episodes == (
        ("demonstrator", "demonstration", PUSH, "failure", 1),
        ("demonstrator", "demonstration", PUSH, "success", 1),
        ("demonstrator", "demonstration", REACH, "failure", 2),
        ("demonstrator", "demonstration", REACH, "success", 1),
        ("policy-0000", "collection", PUSH, "failure", 1),
        ("policy-0000", "collection", PUSH, "success", 1),
        ("policy-0000", "collection", REACH, "failure", 1),
        ("policy-0000", "collection", REACH, "success", 1),
        ("policy-0000", "evaluation", PUSH, "failure", 3),
        ("policy-0000", "evaluation", PUSH, "success", 1),
        ("policy-0000", "evaluation", REACH, "failure", 3),
        ("policy-0000", "evaluation", REACH, "success", 1),
    )
    assert found.excluded == 0
    assert found.made_by == (CODE_VERSION,)
    assert found.unreadable is None


def test_labelers_are_counted_with_their_version(store):
    """Both tasks judge each of the 17 episodes."""
    assert policy_lineage(store, "1").labelers == ((PUSH, "within", 1, 17), (REACH, "within", 1, 17))


def test_the_gates_evidence_is_what_the_evaluation_recorded(store):
    record = store.records.read("iterations/0001/evaluate")
    assert policy_lineage(store, "1").gate == {"iteration": 1, **record}


def test_deployments_are_the_iterations_after_which_it_was_live(store):
    assert policy_lineage(store, "2").deployments == ({"iteration": 2, "deployed": True},)


def test_a_version_that_stays_live_is_not_deployed_again(tmp_path):
    world = StoredWorld(tmp_path / "store", script=lambda request, place: "failure")
    world.run(iterations=0)
    found = policy_lineage(world.store, "0")
    assert found.deployments == ({"iteration": 0, "deployed": True},)


def test_what_its_recalls_left_out_is_not_counted_even_if_they_were_undone_later(tmp_path):
    world = StoredWorld(tmp_path / "store")
    world.run(iterations=0)
    recall(world.store, policies=["demonstrator"], episodes=[], reason="")
    world.run(iterations=1)
    undo(world.store, 1, reason="")
    found = policy_lineage(world.store, "1")
    assert found.version.recalls == (1,)
    assert {row[0] for row in found.episodes} == {"policy-0000"}
    assert found.excluded == 5
    assert {row[0] for row in policy_lineage(world.store, "0").episodes} == {"demonstrator"}


def test_an_unknown_version_is_refused_with_those_that_there_are(store):
    with pytest.raises(ConfigError, match="has no policy version policy-0009; it has policy-0000, policy-0001"):
        policy_lineage(store, "9")


def test_a_version_whose_data_is_gone_says_so_and_the_rest(store, folder):
    for file in store.tables["episodes"].files(1):
        store.objects.delete(file.key)
    found = policy_lineage(store, "0")
    assert found.episodes is None
    assert "missing: the table episodes needs it" in found.unreadable
    assert found.gate["decision"] == "promote"


def test_a_version_of_an_iteration_that_was_cancelled_was_never_judged_and_is_gone_on_from(tmp_path):
    world = cut_short(tmp_path / "store", after="train")
    world.run()
    found = policy_lineage(world.store, "1")
    assert (found.gate, found.deployments) == (None, ())
    assert found.children == ("policy-0002",)
    assert policy_lineage(world.store, "0").deployments == ({"iteration": 0, "deployed": True},)
    # What iteration 1 collected, policy-0002 was trained on too.
    ours = {row[:3]: row[-1] for row in policy_lineage(world.store, "2").episodes}
    assert ours["policy-0000", "collection", REACH] > 0
