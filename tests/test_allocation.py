import pytest

from flywheel.core.allocation import Allocation, AllocationRules, Portion, allocate, shared
from flywheel.core.policy import SuccessRate

EARLIER = {
    "solved": SuccessRate(successes=200, episodes=200),
    "weak": SuccessRate(successes=100, episodes=200),
    "new": SuccessRate(successes=0, episodes=0),
}


def counts(portions):
    return {task: portion.fresh + len(portion.revisit) for task, portion in portions.items()}


def test_shares_are_in_proportion_and_add_up():
    # 10 x 0.5, 0.3 and 0.2
    assert shared(10, {"a": 5.0, "b": 3.0, "c": 2.0}) == {"a": 5, "b": 3, "c": 2}
    # 3.5, 3.5 and 3: the first remainder gets the one that is left.
    assert shared(10, {"a": 3.5, "b": 3.5, "c": 3.0}) == {"a": 4, "b": 3, "c": 3}


@pytest.mark.parametrize("total", [0, 1, 7, 100])
def test_whatever_the_weights_nothing_is_lost(total):
    assert sum(shared(total, {"a": 0.1, "b": 0.7, "c": 1.3}).values()) == total


def test_beyond_the_floor_episodes_go_where_success_may_be_lowest():
    made = counts(allocate(300, EARLIER, {}, AllocationRules()))
    assert sum(made.values()) == 300
    # A floor of 50 each; the weights are 0.019, 0.569 (1 minus the lower end of 100 of 200) and 1.
    assert made["solved"] == 50 + 2
    assert 50 < made["weak"] < made["new"]


def test_an_even_allocation_knows_no_weakness():
    assert set(counts(allocate(300, EARLIER, {}, AllocationRules(allocation=Allocation.UNIFORM))).values()) == {100}


def test_a_floor_of_one_is_even_too():
    assert set(counts(allocate(300, EARLIER, {}, AllocationRules(floor=1.0))).values()) == {100}


def test_more_is_asked_where_less_is_known():
    few, many = SuccessRate(successes=5, episodes=10), SuccessRate(successes=500, episodes=1000)
    made = counts(allocate(100, {"few": few, "many": many}, {}, AllocationRules()))
    assert made["few"] > made["many"]


def test_failures_are_met_again_up_to_a_share_and_count_in_the_budget():
    rules = AllocationRules(allocation=Allocation.UNIFORM, revisit=0.2)
    failed = {"weak": list(range(50)), "solved": [7]}
    portions = allocate(300, EARLIER, failed, rules)
    # 0.2 x 100
    assert portions["weak"] == Portion(fresh=80, revisit=tuple(range(20)))
    assert portions["solved"] == Portion(fresh=99, revisit=(7,))
    assert portions["new"] == Portion(fresh=100)


def test_a_portion_is_the_same_from_a_record():
    portion = Portion(fresh=3, revisit=(1, 2))
    assert Portion.of(portion.plain) == portion
