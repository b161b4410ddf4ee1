import pytest
from factories import policy_version
from fakes import ScriptedCollectors
from world import PUSH, REACH, World, make_rules, skilled

from flywheel.core.behaviour import Behaviour
from flywheel.core.episode import Outcome, Source
from flywheel.core.gate import PromotionGate
from flywheel.core.gate_rules import NearPerfect
from flywheel.core.iteration import Iteration, Stage
from flywheel.stages.evaluate import Contest, evaluate, transactions

FIRST = Iteration(number=0, outcomes={Stage.TRAIN: {"policy_id": "policy-0000"}})
SECOND = Iteration(
    number=1, live="policy-0000", candidate="policy-0000", outcomes={Stage.TRAIN: {"policy_id": "policy-0001"}}
)


def evaluated(world, iteration=SECOND, **ports):
    return evaluate(world.planned(iteration), world.ports(**ports))


def recorder(world):
    return ScriptedCollectors(episodes=world.episodes, outcome=world.script)


def outcomes(candidate, live):
    """Outcomes by place in a batch of 8, of the candidate and of the live version."""
    return lambda request, place: (candidate if request.policy_id == "policy-0001" else live)[place]


def anchored(world):
    """Iteration 2 up to its training; all three versions are stored."""
    for number in range(3):
        world.policies.save(policy_version(f"policy-{number:04d}"), {"weights": b""})
    trained = {Stage.TRAIN: {"policy_id": "policy-0002"}}
    return world.planned(Iteration(number=2, live="policy-0001", candidate="policy-0001", outcomes=trained))


def test_each_batch_asks_both_for_the_same_initial_states_in_one_go():
    world = World()
    collectors = recorder(world)
    evaluated(world, collectors=collectors)
    assert [behaviour for _, behaviour in collectors.asked] == [Behaviour(sampled=False)] * 2
    seen = []
    for requests, _ in collectors.asked:
        by_policy = {}
        for request in requests:
            by_policy.setdefault(request.policy_id, []).append((request.task, request.seed))
        assert list(by_policy) == ["policy-0001", "policy-0000"]
        assert by_policy["policy-0001"] == by_policy["policy-0000"]
        assert len(by_policy["policy-0001"]) == 16
        seen += by_policy["policy-0001"]
    assert len(set(seen)) == 32


def test_every_batch_is_a_transaction_of_its_own():
    world = World()
    outcome = evaluated(world)
    assert outcome["transactions"] == ["0001-evaluate-008", "0001-evaluate-016"]
    assert [world.episodes.committed(name) for name in outcome["transactions"]] == [1, 2]
    assert outcome["episodes_version"] == 2


def test_evaluation_meets_other_initial_states_in_every_iteration():
    world = World()
    evaluated(world, FIRST)
    evaluated(world, SECOND)
    made = world.episodes.summaries()
    assert {episode.source for episode in made} == {Source.EVALUATION}
    # 4 of each of 2 tasks, then 16.
    assert len({episode.seed for episode in made}) == 8 + 32


def test_the_first_candidate_stands_alone():
    world = World()
    outcome = evaluated(world, FIRST)
    assert outcome["decision"] == "promote"
    assert outcome["reason"] == "no live version to compare with; 0.250 success"
    assert (outcome["live"], outcome["live_tasks"], outcome["evidence"]) == (None, None, None)
    assert {episode.behaviour_policy for episode in world.episodes.summaries()} == {"policy-0000"}


def test_a_better_candidate_is_promoted_with_its_evidence():
    outcome = evaluated(World())
    assert (outcome["policy_id"], outcome["live"], outcome["decision"]) == ("policy-0001", "policy-0000", "promote")
    assert outcome["reason"] == "not worse on any task and better over 2 tasks (z 3.46) after 16 pairs"
    assert [outcome[some][REACH]["successes"] for some in ("tasks", "live_tasks")] == [8, 2]
    evidence = outcome["evidence"]
    # In each batch of 8 the first succeeds for both and the next three for the candidate alone.
    assert evidence["pairs"] == dict.fromkeys((REACH, PUSH), "BWWWNNNN" * 2)
    assert evidence["alpha"] == 0.02
    assert [look["pairs"] for look in evidence["looks"]] == [8, 16]


def test_what_was_recorded_is_enough_to_judge_again():
    world = World()
    planned = world.planned(SECOND)
    outcome = evaluate(planned, world.ports())
    gate = PromotionGate.of(planned.outcomes[Stage.PLAN]["gate"])
    verdict = gate.judge(outcome["evidence"]["pairs"])
    assert (str(verdict.decision), verdict.reason) == (outcome["decision"], outcome["reason"])
    assert [look.plain for look in verdict.looks] == outcome["evidence"]["looks"]


def test_a_worse_candidate_is_given_up():
    world = World(script=skilled({"policy-0000": 8, "policy-0001": 1}), gate=make_rules(max_pairs=24))
    outcome = evaluated(world)
    assert outcome["decision"] == "reject"
    assert outcome["reason"].startswith("futile:")
    assert outcome["transactions"] == ["0001-evaluate-008", "0001-evaluate-016"]


def test_one_that_is_not_shown_to_be_better_is_rejected_at_the_last_pair():
    outcome = evaluated(World(script=skilled({"policy-0000": 4, "policy-0001": 5})))
    assert outcome["decision"] == "reject"
    assert outcome["reason"].startswith("budget:")


def test_errors_count_against_who_made_them_and_no_pair_is_left_out():
    error, success, failure, unscored = Outcome.ERROR, Outcome.SUCCESS, Outcome.FAILURE, Outcome.UNSCORED
    script = outcomes(
        [error, success, success, failure, unscored, success, unscored, failure],
        [success, error, success, failure, success, unscored, failure, unscored],
    )
    pairs = evaluated(World(script=script, gate=make_rules(max_pairs=8)))["evidence"]["pairs"]
    assert pairs == dict.fromkeys((REACH, PUSH), "LWBNUSNU")


def test_once_the_improvement_has_passed_only_what_has_not_is_asked_again():
    def script(request, place):
        better = request.policy_id == "policy-0001" and request.task == REACH
        return Outcome.SUCCESS if better or place == 0 else Outcome.FAILURE

    world = World(script=script, gate=make_rules(max_pairs=32, margin=0.25))
    collectors = recorder(world)
    outcome = evaluated(world, collectors=collectors)
    tasks = [{request.task for request in requests} for requests, _ in collectors.asked]
    assert tasks[:2] == [{REACH, PUSH}] * 2
    assert tasks[2:] == [{PUSH}] * (len(tasks) - 2)
    assert len(tasks) > 2
    assert outcome["tasks"][REACH]["episodes"] == 16 < outcome["tasks"][PUSH]["episodes"]


def test_a_used_up_budget_asks_for_one_batch_and_promotes_nothing():
    world = World()
    planned = world.planned(SECOND)
    spent = PromotionGate.of(planned.outcomes[Stage.PLAN]["gate"])
    gate = {**spent.plain, "alpha": 0.0, "boundary": None}
    outcomes = {**planned.outcomes, Stage.PLAN: {**planned.outcomes[Stage.PLAN], "gate": gate, "planned_pairs": None}}
    outcome = evaluate(Iteration(number=1, live="policy-0000", outcomes=outcomes), world.ports())
    assert outcome["reason"].startswith("spent: ")
    assert outcome["transactions"] == ["0001-evaluate-008"]


def test_an_anchor_is_asked_for_once_all_else_has_passed():
    world = World(gate=make_rules(anchor="policy-0000"))
    planned = anchored(world)
    collectors = recorder(world)
    outcome = evaluate(planned, world.ports(collectors=collectors))
    assert outcome["decision"] == "promote"
    assert outcome["transactions"] == [
        "0002-evaluate-008",
        "0002-evaluate-016",
        "0002-evaluate-anchor-008",
        "0002-evaluate-anchor-016",
    ]
    asked = [list(dict.fromkeys(request.policy_id for request in requests)) for requests, _ in collectors.asked]
    # The candidate's episodes are there already.
    assert asked == [["policy-0002", "policy-0001"]] * 2 + [["policy-0000"]] * 2
    states = [{(request.task, request.seed) for request in requests} for requests, _ in collectors.asked]
    assert states[0] == states[2]
    assert outcome["evidence"]["anchor_pairs"] == dict.fromkeys((REACH, PUSH), "BWWWWWWN" * 2)
    assert outcome["anchor_tasks"][REACH]["successes"] == 2
    assert transactions(planned) == outcome["transactions"]


def test_an_anchor_that_was_better_stops_a_promotion():
    script = skilled({"policy-0000": 8, "policy-0001": 1, "policy-0002": 4})
    world = World(script=script, gate=make_rules(anchor="policy-0000"))
    outcome = evaluate(anchored(world), world.ports())
    assert outcome["decision"] == "reject"
    assert ":anchor:" in outcome["reason"]


@pytest.mark.parametrize("committed", [1, 2])
def test_an_interrupted_evaluation_repeats_no_batch_that_was_committed(committed):
    whole = World()
    expected = evaluated(whole)
    world = World()
    planned = world.planned(SECOND)
    for asked in _orders(planned, world)[:committed]:
        parts, _ = world.ports().collectors.collect(asked.requests, Behaviour(sampled=False), world.observer)
        world.episodes.commit(parts, transaction=asked.transaction)
    collectors = recorder(world)
    again = evaluate(planned, world.ports(collectors=collectors))
    assert len(collectors.asked) == 2 - committed
    assert again == {**expected, "work_s": expected["work_s"] * (2 - committed) / 2}


def _orders(planned, world):
    """What an undisturbed evaluation asks for."""
    contest, orders = Contest.of(planned, world.plan), []
    twin = World()
    while (asked := contest.due()) is not None:
        orders.append(asked)
        _, made = twin.ports().collectors.collect(asked.requests, Behaviour(sampled=False), twin.observer)
        contest = contest.having(made)
    return orders


def test_at_its_start_it_says_how_many_pairs_may_be_needed():
    world = World()
    evaluated(world)
    (said,) = [event for event in world.observer.events if event.startswith("gate: ")]
    assert said.startswith("gate: alpha 0.02; of a candidate as good as policy-0000, about ")
    assert said.endswith("at most 16 are made")


def test_near_perfect_versions_are_held_if_the_rules_say_so():
    world = World(script=skilled({"policy-0000": 60}), evaluate_episodes_per_task=60)
    world.records.write("iterations/0000/evaluate", evaluated(world, FIRST))
    world.plan = World(gate=make_rules(near_perfect=NearPerfect.HOLD)).plan
    assert evaluated(world)["reason"].startswith("hold: ")
