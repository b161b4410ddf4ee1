from fakes import ScriptedCollectors
from world import PUSH, REACH, World

from flywheel.core.behaviour import Behaviour
from flywheel.core.episode import Source
from flywheel.core.iteration import Iteration
from flywheel.stages.ingest import ingest


def test_every_task_is_demonstrated_as_often_as_its_suite_says():
    world = World(demonstrations={REACH: 3, PUSH: 1})
    outcome = ingest(Iteration(number=0), world.ports())
    made = world.episodes.summaries(version=outcome["episodes_version"])
    assert sorted(episode.task for episode in made) == [PUSH, REACH, REACH, REACH]
    assert {episode.source for episode in made} == {Source.DEMONSTRATION}
    assert {episode.behaviour_policy for episode in made} == {"demonstrator"}
    assert {task: result["episodes"] for task, result in outcome["tasks"].items()} == {REACH: 3, PUSH: 1}


def test_the_demonstrators_act():
    world = World()
    collectors = ScriptedCollectors(episodes=world.episodes, outcome=world.script)
    ingest(Iteration(number=0), world.ports(collectors=collectors))
    ((_, behaviour),) = collectors.asked
    assert behaviour == Behaviour(sampled=True)


def test_demonstrations_that_were_committed_are_not_made_again():
    world = World()
    first = ingest(Iteration(number=0), world.ports())
    again = ingest(Iteration(number=0), world.ports())
    assert again == {**first, "work_s": 0.0}
    assert len(world.episodes.summaries()) == 5
