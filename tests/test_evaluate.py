from fakes import ScriptedCollectors
from world import PUSH, REACH, World, skilled

from flywheel.core.behaviour import Behaviour
from flywheel.core.comparison import Decision, PromotionGate, Verdict
from flywheel.core.episode import Outcome, Source
from flywheel.core.iteration import Iteration, Stage
from flywheel.stages.evaluate import evaluate

TRAINED = {Stage.TRAIN: {"policy_id": "policy-0001"}}
FIRST = Iteration(number=0, outcomes={Stage.TRAIN: {"policy_id": "policy-0000"}})
SECOND = Iteration(number=1, live="policy-0000", candidate="policy-0000", outcomes=TRAINED)


class RememberingGate(PromotionGate):
    """Remembers what it was asked."""

    def judge(self, pairs):
        object.__setattr__(self, "asked", pairs)
        return Verdict(decision=Decision.PROMOTE, reason="asked")


def judged(script, iteration=SECOND):
    """The pairs that the gate was given, task -> [(candidate, live)]."""
    gate = RememberingGate(min_episodes=1, margin=0.0)
    world = World(script=script, gate=gate)
    evaluate(iteration, world.ports())
    return {task: [(pair.candidate, pair.live) for pair in pairs] for task, pairs in gate.asked.items()}


def outcomes(candidate, live):
    """Outcomes by place, of the candidate and of the live version."""
    return lambda request, place: (candidate if request.policy_id == "policy-0001" else live)[place]


def test_candidate_and_live_version_meet_the_same_initial_states():
    world = World()
    collectors = ScriptedCollectors(episodes=world.episodes, outcome=world.script)
    evaluate(SECOND, world.ports(collectors=collectors))
    (tried, behaviour), (live, live_behaviour) = collectors.asked
    assert behaviour == Behaviour(policy_id="policy-0001", sampled=False)
    assert live_behaviour == Behaviour(policy_id="policy-0000", sampled=False)
    states = [[(request.task, request.seed) for request in some] for some in (tried, live)]
    assert states[0] == states[1]
    assert len(set(states[0])) == 8


def test_evaluation_meets_other_initial_states_in_every_iteration():
    world = World()
    evaluate(FIRST, world.ports())
    evaluate(SECOND, world.ports())
    made = world.episodes.summaries()
    assert {episode.source for episode in made} == {Source.EVALUATION}
    # 4 of each of 2 tasks, in 2 iterations.
    assert len({episode.seed for episode in made}) == 16


def test_pairs_are_of_one_initial_state():
    scored = {True: Outcome.SUCCESS, False: Outcome.FAILURE}

    def script(request, place):
        return scored[request.seed % (2 if request.policy_id == "policy-0001" else 3) == 0]

    world, pairs = World(), judged(script)
    for task in (REACH, PUSH):
        requests = world.plan.requests(Source.EVALUATION, iteration=1, episodes_per_task={task: 4})
        seeds = sorted(request.seed for request in requests)
        assert pairs[task] == [(seed % 2 == 0, seed % 3 == 0) for seed in seeds]


def test_the_first_candidate_stands_alone():
    world = World()
    outcome = evaluate(FIRST, world.ports())
    assert outcome["decision"] == "promote"
    assert outcome["live"] is None
    assert outcome["live_tasks"] is None
    assert {episode.behaviour_policy for episode in world.episodes.summaries()} == {"policy-0000"}


def test_a_better_candidate_is_promoted():
    world = World(script=skilled({"policy-0000": 1, "policy-0001": 3}))
    outcome = evaluate(SECOND, world.ports())
    assert (outcome["policy_id"], outcome["live"], outcome["decision"]) == ("policy-0001", "policy-0000", "promote")
    assert outcome["reason"] == "mean success 0.750 against 0.250"
    assert [outcome[some][REACH]["successes"] for some in ("tasks", "live_tasks")] == [3, 1]


def test_a_worse_candidate_is_rejected():
    world = World(script=skilled({"policy-0000": 4, "policy-0001": 1}))
    assert evaluate(SECOND, world.ports())["decision"] == "reject"


def test_errors_count_against_who_made_them():
    error, success, failure = Outcome.ERROR, Outcome.SUCCESS, Outcome.FAILURE
    pairs = judged(outcomes([error, success, success, failure], [success, error, success, failure]))
    assert sorted(pairs[REACH]) == [(False, False), (False, True), (True, False), (True, True)]


def test_a_candidate_that_crashes_is_rejected():
    world = World(script=outcomes([Outcome.ERROR] * 4, [Outcome.SUCCESS] * 3 + [Outcome.FAILURE]))
    outcome = evaluate(SECOND, world.ports())
    assert outcome["decision"] == "reject"
    assert outcome["tasks"][REACH]["errors"] == 4
    assert outcome["tasks"][REACH]["rate"] is None


def test_pairs_that_cannot_be_scored_are_left_out():
    unscored, success, failure = Outcome.UNSCORED, Outcome.SUCCESS, Outcome.FAILURE
    pairs = judged(outcomes([unscored, success, success, failure], [success, unscored, failure, failure]))
    assert sorted(pairs[REACH]) == [(False, False), (True, False)]


def test_an_undecided_gate_rejects_and_says_so():
    world = World(script=lambda request, place: Outcome.UNSCORED if place == 0 else Outcome.SUCCESS)
    outcome = evaluate(SECOND, world.ports())
    assert outcome["decision"] == "reject"
    assert outcome["reason"].startswith("undecided: ")
    assert "3 of 4 pairs" in outcome["reason"]


def test_only_the_half_that_is_missing_is_made_again():
    world = World()
    whole = evaluate(SECOND, world.ports())
    interrupted = World()
    evaluate(Iteration(number=1, outcomes=TRAINED), interrupted.ports())
    collectors = ScriptedCollectors(episodes=interrupted.episodes, outcome=interrupted.script)
    again = evaluate(SECOND, interrupted.ports(collectors=collectors))
    assert [behaviour.policy_id for _, behaviour in collectors.asked] == ["policy-0000"]
    assert again == {**whole, "work_s": whole["work_s"] / 2}
