import numpy as np
import pytest
from world import make_rules

from flywheel.core.allocation import AllocationRules, Portion
from flywheel.core.episode import Source
from flywheel.core.mixture import Mixture
from flywheel.core.plan import InitialWeights, Plan, at, initial_state_seed


def make_plan(**changes):
    values = {
        "seed": 0,
        "demonstrations": {"a/x": 3, "b/y": 1},
        "collect_episodes_per_task": 2,
        "sharpness": 1.0,
        "random_actions": 0.0,
        "evaluate_episodes_per_task": 2,
        "final_episodes_per_task": 2,
        "mixture": (Mixture(sources={"demonstration": 1.0}),),
        "num_updates": (10,),
        "bc_weight": (1.0,),
        "temperature": (0.02,),
        "learning_rate": (1e-3,),
        "initial_weights": InitialWeights.CANDIDATE,
        "allocation": AllocationRules(),
        "gate": make_rules(),
    }
    return Plan(**(values | changes))


def ingest(plan):
    return plan.requests(Source.DEMONSTRATION, iteration=0, episodes_per_task=plan.demonstrations)


def test_tasks_take_turns_until_each_has_its_episodes():
    assert [request.task for request in ingest(make_plan())] == ["a/x", "b/y", "a/x", "a/x"]


def test_the_tasks_are_those_with_demonstrations():
    assert make_plan().tasks == ("a/x", "b/y")


def test_a_plan_without_tasks_asks_for_nothing():
    assert ingest(make_plan(demonstrations={})) == []


def test_asking_again_asks_for_the_same_episodes():
    assert ingest(make_plan()) == ingest(make_plan())
    assert {request.seed for request in ingest(make_plan())}.isdisjoint(
        request.seed for request in ingest(make_plan(seed=1))
    )


def test_candidate_and_live_version_meet_the_same_initial_states_under_different_ids():
    asked = {
        policy: make_plan().requests(Source.EVALUATION, iteration=1, episodes_per_task={"a/x": 20}, policy_id=policy)
        for policy in ("p0000", "p0001")
    }
    ours, theirs = asked.values()
    assert [request.seed for request in ours] == [request.seed for request in theirs]
    assert {request.episode_id for request in ours}.isdisjoint(request.episode_id for request in theirs)


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"source": Source.FINAL}, {"iteration": 2}, {"task": "b/y"}, {"index": 1}]
)
def test_whatever_is_different_has_an_initial_state_of_its_own(change):
    def seed(**values):
        named = {"seed": 0, "source": Source.COLLECTION, "iteration": 1, "task": "a/x", "index": 0} | values
        return initial_state_seed(named.pop("seed"), named.pop("source"), **named)

    assert seed(**change) != seed()
    assert 0 <= seed(**change) < 2**32


def test_seeds_are_the_same_on_every_machine():
    # crc32(b"collection") = 0xFC4D6532 and crc32(b"a/x") = 0xFA96B966, as gzip says.
    words = (5, 0xFC4D6532, 2, 0xFA96B966, 7)
    assert initial_state_seed(5, Source.COLLECTION, iteration=2, task="a/x", index=7) == int(
        np.random.SeedSequence(words).generate_state(1)[0]
    )


@pytest.mark.parametrize(("iteration", "value"), [(0, 0.9), (1, 0.5), (2, 0.1), (3, 0.1), (99, 0.1)])
def test_the_last_value_of_a_schedule_holds_from_there_on(iteration, value):
    assert at((0.9, 0.5, 0.1), iteration) == value


def test_a_later_batch_goes_on_where_the_one_before_ended():
    plan = make_plan()
    both = plan.requests(Source.EVALUATION, iteration=1, episodes_per_task={"a/x": 4, "b/y": 4})
    later = plan.requests(Source.EVALUATION, iteration=1, episodes_per_task={"a/x": 4, "b/y": 4}, first=2)
    assert later == both[4:]
    assert [request.seed for request in later if request.task == "a/x"] == plan.seeds(
        Source.EVALUATION, iteration=1, task="a/x", count=4
    )[2:]


def test_a_collection_meets_fresh_states_and_some_again_but_none_twice():
    plan = make_plan()
    fresh = plan.seeds(Source.COLLECTION, iteration=1, task="a/x", count=2)
    portions = {"a/x": Portion(fresh=2, revisit=(7, fresh[1], 9)), "b/y": Portion(fresh=1)}
    asked = plan.collection(iteration=1, portions=portions, policy_id="p0000")
    assert [request.seed for request in asked if request.task == "a/x"] == [*fresh, 7, 9]
    assert [request.task for request in asked] == ["a/x", "b/y", "a/x", "a/x", "a/x"]
    assert {(request.source, request.policy_id) for request in asked} == {(Source.COLLECTION, "p0000")}
    assert len({request.episode_id for request in asked}) == len(asked)
