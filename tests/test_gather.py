import pytest
from fakes import ScriptedCollectors
from world import PUSH, REACH, World, skilled

from flywheel.core.behaviour import Behaviour
from flywheel.core.episode import EpisodeSummary, Outcome, Source
from flywheel.core.errors import CancelledError, StoppedError, TakenOverError
from flywheel.stages.gather import gather, outcomes, results

BEHAVIOUR = Behaviour(sampled=False)


def requests_of(world, source=Source.EVALUATION, policy_id="policy-0001"):
    return world.plan.requests(source, iteration=1, episodes_per_task={REACH: 3, PUSH: 2}, policy_id=policy_id)


def summary(task, outcome, time_s=None):
    return EpisodeSummary(
        episode_id="e",
        task=task,
        scene="table",
        source=Source.COLLECTION,
        iteration=1,
        behaviour_policy="p",
        seed=1,
        initial_state="",
        outcome=outcome,
        num_decisions=3,
        time_to_success_s=time_s,
        error=None,
    )


def test_the_episodes_that_were_asked_for_are_committed_in_one_transaction():
    world = World()
    requests = requests_of(world)
    version, made, _ = gather(requests, BEHAVIOUR, transaction="one", ports=world.ports())
    assert version == world.episodes.committed("one") == 1
    assert {episode.episode_id for episode in made} == {request.episode_id for request in requests}
    assert [episode.episode_id for episode in world.episodes.summaries()] == [episode.episode_id for episode in made]


def test_the_seconds_of_all_parts_are_added():
    world = World()
    # The scripted collectors write two parts of 1.5 s.
    assert gather(requests_of(world), BEHAVIOUR, transaction="one", ports=world.ports())[2] == 3.0


def test_a_committed_transaction_makes_nothing_again_and_keeps_its_version():
    world = World()
    before = gather(requests_of(world), BEHAVIOUR, transaction="one", ports=world.ports())
    gather(requests_of(world, Source.FINAL), BEHAVIOUR, transaction="two", ports=world.ports())
    collectors = ScriptedCollectors(episodes=world.episodes, outcome=world.script)
    again = gather(requests_of(world), BEHAVIOUR, transaction="one", ports=world.ports(collectors=collectors))
    assert collectors.asked == []
    assert again == (before[0], before[1], 0.0)


def test_what_was_stopped_is_kept_and_not_made_again_when_its_process_died_before_saying_so():
    world = World()

    class Stopped(ScriptedCollectors):
        def collect(self, requests, behaviour, observer):
            parts, made = super().collect(requests[:2], behaviour, observer)
            return parts, made

    collectors = Stopped(episodes=world.episodes, outcome=world.script)
    told = CancelledError("enough")
    ports = world.ports(collectors=collectors, brake=lambda: told)
    with pytest.raises(CancelledError, match="enough"):
        gather(requests_of(world), BEHAVIOUR, transaction="one", ports=ports)
    assert len(world.episodes.summaries()) == 2
    with pytest.raises(StoppedError, match="one: it was stopped before"):
        gather(requests_of(world), BEHAVIOUR, transaction="one", ports=world.ports())
    assert len(world.episodes.summaries()) == 2


def test_what_is_left_to_another_process_is_not_kept_and_that_one_makes_all_of_it():
    world = World()

    class Stopped(ScriptedCollectors):
        def collect(self, requests, behaviour, observer):
            return super().collect(requests[:2], behaviour, observer)

    collectors = Stopped(episodes=world.episodes, outcome=world.script)
    ports = world.ports(collectors=collectors, brake=lambda: TakenOverError("by process 2"))
    with pytest.raises(TakenOverError):
        gather(requests_of(world), BEHAVIOUR, transaction="one", ports=ports)
    assert world.episodes.summaries() == []
    _, made, _ = gather(requests_of(world), BEHAVIOUR, transaction="one", ports=world.ports())
    assert len(made) == len(requests_of(world))


def test_episodes_that_others_made_in_the_same_iteration_are_left_out():
    world = World()
    gather(requests_of(world, policy_id="policy-0000"), BEHAVIOUR, transaction="one", ports=world.ports())
    _, made, _ = gather(requests_of(world), BEHAVIOUR, transaction="two", ports=world.ports())
    assert {episode.behaviour_policy for episode in made} == {"policy-0001"}
    assert len(world.episodes.summaries()) == 10


def test_results_count_each_task_apart():
    world = World(script=skilled({"policy-0001": 2}))
    _, made, _ = gather(requests_of(world), BEHAVIOUR, transaction="one", ports=world.ports())
    found = results(made)
    assert {task: (result["successes"], result["episodes"]) for task, result in found.items()} == {
        REACH: (2, 3),
        PUSH: (2, 2),
    }


def test_errors_and_unscored_episodes_are_counted_apart_and_never_in_a_rate():
    outcomes = [Outcome.SUCCESS, Outcome.FAILURE, Outcome.FAILURE, Outcome.FAILURE, Outcome.ERROR, Outcome.ERROR]
    result = results([summary(REACH, outcome) for outcome in [*outcomes, Outcome.UNSCORED]])[REACH]
    assert (result["successes"], result["episodes"], result["rate"]) == (1, 4, 0.25)
    assert (result["errors"], result["unscored"]) == (2, 1)
    assert result["lower"] < 0.25 < result["upper"]


def test_time_to_success_is_the_mean_over_successes():
    made = [summary(REACH, Outcome.SUCCESS, 1.0), summary(REACH, Outcome.SUCCESS, 2.0), summary(REACH, Outcome.FAILURE)]
    # (1.0 + 2.0) / 2
    assert results(made)[REACH]["mean_time_to_success_s"] == pytest.approx(1.5)


def test_where_nothing_was_scored_there_is_no_rate_and_no_time():
    result = results([summary(REACH, Outcome.UNSCORED)])[REACH]
    assert result["rate"] is None
    assert result["mean_time_to_success_s"] is None
    assert (result["lower"], result["upper"]) == (0.0, 1.0)


def test_outcomes_of_several_results_are_added_up():
    first = results(
        [summary(REACH, Outcome.SUCCESS, 1.0), summary(REACH, Outcome.FAILURE), summary(PUSH, Outcome.ERROR)]
    )
    second = results([summary(REACH, Outcome.SUCCESS, 1.0), summary(REACH, Outcome.UNSCORED)])
    none = dict.fromkeys(("success", "failure", "error", "unscored"), 0)
    assert outcomes(first, None, second) == {
        PUSH: none | {"error": 1},
        REACH: none | {"success": 2, "failure": 1, "unscored": 1},
    }
    assert outcomes(None) == {}
