from fakes import ScriptedCollectors
from world import PUSH, REACH, World

from flywheel.core.behaviour import Behaviour
from flywheel.core.episode import Source
from flywheel.core.iteration import Iteration
from flywheel.stages.collect import collect

SECOND = Iteration(number=2, live="policy-0001", candidate="policy-0001")


def test_the_live_version_makes_the_same_number_of_episodes_of_every_task():
    world = World()
    outcome = collect(SECOND, world.ports())
    made = world.episodes.summaries(version=outcome["episodes_version"])
    assert sorted(episode.task for episode in made) == [PUSH, PUSH, REACH, REACH]
    assert {episode.source for episode in made} == {Source.COLLECTION}
    assert {episode.behaviour_policy for episode in made} == {outcome["behaviour_policy"]} == {"policy-0001"}
    assert {episode.iteration for episode in made} == {2}


def test_actions_are_drawn_as_the_plan_says():
    world = World(sharpness=2.0, random_actions=0.25)
    collectors = ScriptedCollectors(episodes=world.episodes, outcome=world.script)
    collect(SECOND, world.ports(collectors=collectors))
    ((_, behaviour),) = collectors.asked
    assert behaviour == Behaviour(policy_id="policy-0001", sampled=True, sharpness=2.0, random_actions=0.25)


def test_every_iteration_meets_initial_states_of_its_own():
    world = World()
    collect(SECOND, world.ports())
    collect(Iteration(number=3, live="policy-0001", candidate="policy-0002"), world.ports())
    assert len({episode.seed for episode in world.episodes.summaries()}) == 8


def test_while_no_version_was_ever_promoted_the_demonstrators_go_on():
    world = World()
    outcome = collect(Iteration(number=1, live=None, candidate="policy-0000"), world.ports())
    assert outcome["behaviour_policy"] == "demonstrator"
    assert {episode.behaviour_policy for episode in world.episodes.summaries()} == {"demonstrator"}


def test_episodes_that_were_committed_are_not_made_again():
    world = World()
    first = collect(SECOND, world.ports())
    assert collect(SECOND, world.ports()) == {**first, "work_s": 0.0}
    assert len(world.episodes.summaries()) == 4
