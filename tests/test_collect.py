from fakes import ScriptedCollectors
from world import PUSH, REACH, World

from flywheel.core.behaviour import Behaviour
from flywheel.core.episode import Source
from flywheel.core.iteration import Iteration, Stage
from flywheel.stages.collect import collect

SECOND = Iteration(number=2, live="policy-0001", candidate="policy-0001")


def test_the_live_version_makes_the_episodes_of_the_plan():
    world = World()
    outcome = collect(world.planned(SECOND), world.ports())
    made = world.episodes.summaries(version=outcome["episodes_version"])
    assert sorted(episode.task for episode in made) == [PUSH, PUSH, REACH, REACH]
    assert {episode.source for episode in made} == {Source.COLLECTION}
    assert {episode.behaviour_policy for episode in made} == {outcome["behaviour_policy"]} == {"policy-0001"}
    assert {episode.iteration for episode in made} == {2}


def test_actions_are_drawn_as_the_plan_says():
    world = World(sharpness=2.0, random_actions=0.25)
    collectors = ScriptedCollectors(episodes=world.episodes, outcome=world.script)
    collect(world.planned(SECOND), world.ports(collectors=collectors))
    ((requests, behaviour),) = collectors.asked
    assert behaviour == Behaviour(sampled=True, sharpness=2.0, random_actions=0.25)
    assert {request.policy_id for request in requests} == {"policy-0001"}


def test_every_iteration_meets_initial_states_of_its_own():
    world = World()
    collect(world.planned(SECOND), world.ports())
    collect(world.planned(Iteration(number=3, live="policy-0001", candidate="policy-0002")), world.ports())
    assert len({episode.seed for episode in world.episodes.summaries()}) == 8


def test_while_no_version_was_ever_promoted_the_demonstrators_go_on():
    world = World()
    outcome = collect(world.planned(Iteration(number=1, live=None, candidate="policy-0000")), world.ports())
    assert outcome["behaviour_policy"] == "demonstrator"
    assert {episode.behaviour_policy for episode in world.episodes.summaries()} == {"demonstrator"}


def test_episodes_that_were_committed_are_not_made_again():
    world = World()
    planned = world.planned(SECOND)
    first = collect(planned, world.ports())
    assert collect(planned, world.ports()) == {**first, "work_s": 0.0}
    assert len(world.episodes.summaries()) == 4


def test_states_where_it_failed_are_met_again_under_ids_of_their_own():
    world = World(collect_episodes_per_task=10)
    again = {**world.planned(SECOND).outcomes[Stage.PLAN]["collect"], REACH: {"fresh": 1, "revisit": [7, 9]}}
    planned = Iteration(number=2, live="policy-0001", outcomes={Stage.PLAN: {"collect": again}})
    collect(planned, world.ports())
    seeds = [episode.seed for episode in world.episodes.summaries() if episode.task == REACH]
    assert len(seeds) == 3
    assert {7, 9} < set(seeds)
