import pytest
from factories import policy_version
from runs import results
from world import PUSH, REACH, World, make_rules, skilled

from flywheel.core.episode import Outcome, Source
from flywheel.core.errors import ConfigError
from flywheel.core.gate import PromotionGate
from flywheel.core.iteration import Iteration, Stage, record_key
from flywheel.loop import run
from flywheel.stages.collect import collect
from flywheel.stages.evaluate import evaluate
from flywheel.stages.plan import plan

LIVE = "policy-0000"


def evaluation(number, successes, *, live=None, promote=True, before=None):
    """A record: of 50 episodes of each task."""
    return {
        "policy_id": f"policy-{number:04d}",
        "tasks": results(successes, 50, tasks=(REACH, PUSH)),
        "live": before,
        "live_tasks": None if live is None else results(live, 50, tasks=(REACH, PUSH)),
        "decision": "promote" if promote else "reject",
        "episodes_version": 0,
    }


def planned(world, number=1, *, live=LIVE, candidate=LIVE):
    return plan(Iteration(number=number, live=live, candidate=candidate), world.ports())


def evaluated(successes, **changes):
    world = World(**changes)
    world.episodes.commit([], transaction="nothing")
    world.records.write(record_key(0, Stage.EVALUATE), {**evaluation(0, successes), "episodes_version": 1})
    return world


def test_at_first_there_is_nobody_to_compare_with_and_nothing_to_collect():
    outcome = planned(World(), 0, live=None, candidate=None)
    assert (outcome["live"], outcome["gate"], outcome["collect"]) == (None, None, {})
    assert outcome["budget"] == {"number": 0, "campaign": None, "attempts": 0, "promotions": 0}


def test_it_records_who_is_live_and_what_was_trained_last():
    outcome = planned(World(), 2, live="policy-0000", candidate="policy-0001")
    assert (outcome["live"], outcome["candidate"]) == ("policy-0000", "policy-0001")


def test_the_gate_follows_from_the_earlier_record_of_the_live_version():
    # 98% and 60% of 50: one is near-perfect and has the narrow margin, the other is what must improve.
    outcome = planned(evaluated([49, 30]))
    gate = PromotionGate.of(outcome["gate"])
    assert (gate.margins, gate.targets) == ({REACH: 0.1, PUSH: 0.15}, (PUSH,))
    assert (gate.alpha, gate.max_pairs, gate.batch) == (0.02, 16, 8)
    assert outcome["live_record"][PUSH] == {"successes": 30, "episodes": 50}
    assert outcome["planned_pairs"] > 16


def test_all_evaluations_of_a_version_that_stays_live_count_together():
    world = evaluated([49, 30])
    world.records.write(
        record_key(1, Stage.EVALUATE), evaluation(1, [0, 0], live=[40, 50], promote=False, before="policy-0000")
    )
    outcome = planned(world, 2)
    assert outcome["live_record"] == {
        REACH: {"successes": 89, "episodes": 100},
        PUSH: {"successes": 80, "episodes": 100},
    }


def test_of_a_version_that_was_promoted_only_its_own_evaluation_counts():
    world = evaluated([49, 30])
    world.records.write(record_key(1, Stage.EVALUATE), evaluation(1, [50, 45], live=[0, 0], before="policy-0000"))
    assert planned(world, 2, live="policy-0001")["live_record"][PUSH] == {"successes": 45, "episodes": 50}


@pytest.mark.parametrize(
    ("max_pairs", "told"), [(16, False), (200, False), (60, True)], ids=["soon", "tabulated", "calibrated"]
)
def test_a_calibration_that_takes_long_is_told(max_pairs, told):
    batch = 25 if max_pairs == 200 else max_pairs // 2
    world = evaluated([30, 30], gate=make_rules(max_pairs=max_pairs, batch=batch))
    planned(world)
    assert any("calibrating" in event for event in world.observer.events) is told


def test_every_gate_spends_and_after_the_planned_ones_nothing_is_left():
    world = World(script=skilled({LIVE: 4}))
    run(world.ports(), iterations=6)
    alphas = [world.records.read(record_key(number, Stage.PLAN))["gate"]["alpha"] for number in range(1, 7)]
    assert alphas == [0.02] * 5 + [0.0]
    reasons = [world.records.read(record_key(number, Stage.EVALUATE))["reason"] for number in range(1, 7)]
    assert [reason.startswith("spent:") for reason in reasons] == [False] * 5 + [True]


def test_a_new_budget_goes_on_with_its_anchor():
    world = World(script=skilled({LIVE: 4}))
    run(world.ports(), iterations=6)
    world.records.write("budgets/0001", {"anchor": "policy-0002", "reason": "looked at"})
    outcome = planned(world, 7)
    assert outcome["budget"] == {"number": 1, "campaign": None, "attempts": 0, "promotions": 0}
    assert (outcome["gate"]["alpha"], outcome["gate"]["anchor"]) == (0.02, "policy-0002")


def test_an_anchor_that_is_live_is_no_second_comparison():
    world = World(gate=make_rules(anchor=LIVE))
    world.policies.save(policy_version(LIVE), {})
    world.policies.save(policy_version("policy-0001"), {})
    assert planned(world)["gate"]["anchor"] is None
    assert planned(world, 2, live="policy-0001")["gate"]["anchor"] == LIVE


def test_an_anchor_that_is_not_there_is_refused():
    with pytest.raises(ConfigError, match="gate.anchor: there is no policy version policy-0009"):
        planned(World(gate=make_rules(anchor="policy-0009")))


def test_more_is_collected_where_the_live_version_succeeds_least():
    collected = planned(evaluated([50, 25], collect_episodes_per_task=100))["collect"]
    assert collected[REACH]["fresh"] + collected[PUSH]["fresh"] == 200
    assert 50 <= collected[REACH]["fresh"] < 70


def test_while_nobody_is_live_the_demonstrators_share_evenly():
    collected = planned(World(), 1, live=None)["collect"]
    assert collected == {task: {"fresh": 2, "revisit": []} for task in (REACH, PUSH)}


def test_states_where_the_live_version_failed_last_are_met_again():
    world = World(collect_episodes_per_task=20)
    first = world.planned(Iteration(number=0, outcomes={Stage.TRAIN: {"policy_id": LIVE}}))
    world.records.write(record_key(0, Stage.EVALUATE), evaluate(first, world.ports()))
    failed = {
        (episode.task, episode.seed)
        for episode in world.episodes.summaries()
        if episode.outcome is Outcome.FAILURE and episode.source is Source.EVALUATION
    }
    outcome = planned(world)
    again = {(task, seed) for task, portion in outcome["collect"].items() for seed in portion["revisit"]}
    # 3 of 4 episodes of both tasks failed; a fifth of 20 is 4.
    assert again == failed
    assert len(again) == 6
    # Iteration 1 may have been cancelled before it evaluated.
    assert planned(world, 2)["collect"] == outcome["collect"]
    iteration = Iteration(number=1, live=LIVE, outcomes={Stage.PLAN: outcome})
    collect(iteration, world.ports())
    made = world.episodes.summaries(iteration=1)
    assert len(made) == 40
    assert failed < {(episode.task, episode.seed) for episode in made}
    # The same version would draw the same actions there again, so what it failed to collect is not met again.
    world.records.write(
        record_key(1, Stage.EVALUATE), {**world.records.read(record_key(0, Stage.EVALUATE)), "episodes_version": 2}
    )
    second = planned(world, 2)
    assert all(portion["revisit"] == [] for portion in second["collect"].values())


def test_the_plan_follows_from_records_alone():
    world = evaluated([49, 30])
    assert planned(world) == planned(world)
