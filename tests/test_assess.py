from fakes import ScriptedCollectors
from world import PUSH, REACH, World

from flywheel.core.behaviour import Behaviour
from flywheel.core.episode import Source
from flywheel.core.iteration import Iteration
from flywheel.stages.assess import assess
from flywheel.stages.collect import collect
from flywheel.stages.evaluate import Stage, evaluate

SECOND = Iteration(number=1, live="policy-0000", outcomes={Stage.TRAIN: {"policy_id": "policy-0001"}})


def test_the_live_version_takes_its_most_likely_actions():
    world = World()
    collectors = ScriptedCollectors(episodes=world.episodes, outcome=world.script)
    outcome = assess(SECOND, "policy-0001", world.ports(collectors=collectors))
    ((requests, behaviour),) = collectors.asked
    assert behaviour == Behaviour(sampled=False)
    assert {request.source for request in requests} == {Source.FINAL}
    assert outcome["policy_id"] == "policy-0001"
    assert {task: result["episodes"] for task, result in outcome["tasks"].items()} == {REACH: 5, PUSH: 5}


def test_its_initial_states_are_met_nowhere_else():
    world = World()
    planned = world.planned(SECOND)
    collect(planned, world.ports())
    evaluate(planned, world.ports())
    seen = {episode.seed for episode in world.episodes.summaries()}
    assess(SECOND, "policy-0001", world.ports())
    final = [episode.seed for episode in world.episodes.summaries() if episode.source is Source.FINAL]
    assert len(set(final)) == 10
    assert seen.isdisjoint(final)


def test_an_assessment_that_was_committed_is_not_made_again():
    world = World()
    first = assess(SECOND, "policy-0001", world.ports())
    assert assess(SECOND, "policy-0001", world.ports()) == {**first, "work_s": 0.0}
