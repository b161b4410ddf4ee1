from functools import partial

import pytest
from fakes import MemoryEndpoint, Notebook, ScriptedCollectors
from mortal import Clock, KilledError, mortal
from world import CLOCKED, PUSH, REACH, World, contents, make_rules, skilled, starts

from flywheel.core.allocation import AllocationRules
from flywheel.core.commands import iterations as commands
from flywheel.core.control import IterationState
from flywheel.core.entry import Action
from flywheel.core.episode import Outcome, Source
from flywheel.core.errors import EndpointError, IterationError, RecordExistsError, WaitingError
from flywheel.core.gate_rules import Approval
from flywheel.core.iteration import Iteration, Stage, record_key
from flywheel.core.plan import InitialWeights
from flywheel.journey import final_key, reached, recorded
from flywheel.loop import run

PRETRAINING = ["plan", "ingest", "relabel", "train", "evaluate", "deploy"]
OF_VERSIONS = ("episodes_version", "trained_on", "data_digests", "digest", "file_digests")
"""What a record says about versions of tables; an assessment in between adds one."""
IMPROVEMENT = ["plan", "collect", "relabel", "train", "evaluate", "deploy"]


def stages(number, names):
    return [(number, name) for name in names]


def record(world, number, stage):
    return world.records.read(record_key(number, stage))


def told(world, action):
    """The stages, or the subjects, of the entries with this action."""
    entries = [entry for entry in world.ports().chronicle.control().entries if entry.action is action]
    return [entry.details.get("stage", entry.subject) for entry in entries]


def test_a_whole_run_is_pretraining_improvements_and_a_final_assessment():
    world = World()
    last = run(world.ports(), iterations=2)
    whole = stages(0, PRETRAINING) + stages(1, IMPROVEMENT) + stages(2, IMPROVEMENT) + [(2, "final")]
    assert world.observer.started == whole
    assert world.observer.completed == whole
    assert last.number == 2
    assert last.remaining() == ()
    assert [record(world, number, "deploy")["live"] for number in range(3)] == [
        "policy-0000",
        "policy-0001",
        "policy-0002",
    ]
    assert world.records.read(final_key(2))["policy_id"] == "policy-0002"


def test_no_iterations_are_pretraining_and_its_assessment():
    world = World()
    run(world.ports(), iterations=0)
    assert world.observer.started == [*stages(0, PRETRAINING), (0, "final")]
    assert world.records.read(final_key(0))["policy_id"] == "policy-0000"


def test_every_record_says_how_long_its_stage_took_and_observers_hear_the_same():
    world = World()
    run(world.ports(), iterations=1)
    keys = [record_key(number, stage) for number, stage in world.observer.completed[:-1]] + [final_key(1)]
    assert [world.records.read(key) for key in keys] == world.observer.outcomes
    assert all(outcome["wall_s"] > 0 for outcome in world.observer.outcomes)


def test_after_a_rejection_the_live_version_stays_and_goes_on_collecting():
    world = World(script=skilled({"policy-0000": 3, "policy-0001": 0, "policy-0002": 7}))
    endpoint = MemoryEndpoint(policies=world.policies)
    run(world.ports(endpoint=endpoint), iterations=2)
    assert record(world, 1, "evaluate")["decision"] == "reject"
    assert record(world, 1, "deploy")["live"] == "policy-0000"
    assert record(world, 2, "collect")["behaviour_policy"] == "policy-0000"
    assert record(world, 2, "evaluate")["live"] == "policy-0000"
    assert endpoint.deployed == ["policy-0000", "policy-0000", "policy-0002"]


@pytest.mark.parametrize(
    ("initial", "parents"),
    [
        (InitialWeights.CANDIDATE, [None, "policy-0000", "policy-0001"]),
        (InitialWeights.LIVE, [None, "policy-0000", "policy-0000"]),
        (InitialWeights.FRESH, [None, None, None]),
    ],
)
def test_after_a_rejection_training_goes_on_from_where_the_plan_says(initial, parents):
    world = World(script=skilled({"policy-0000": 3, "policy-0001": 0}), initial_weights=initial)
    run(world.ports(), iterations=2)
    assert [record(world, number, "train")["parent"] for number in range(3)] == parents


def test_it_stops_when_the_live_version_is_good_enough():
    # policy-0001 succeeds in 4 of each 8 evaluation episodes of each task.
    world = World()
    assert run(world.ports(), iterations=5, until=0.5).number == 1
    assert world.observer.completed[-1] == (1, "final")


def test_good_enough_after_pretraining_needs_no_improvement():
    world = World(script=skilled({"policy-0000": 4}))
    assert run(world.ports(), iterations=5, until=1.0).number == 0


def test_it_goes_on_to_the_last_iteration_where_nothing_is_good_enough():
    world = World(script=skilled({}))
    assert run(world.ports(), iterations=2, until=0.75).number == 2


def test_a_rejected_candidate_is_not_what_was_reached():
    # On reach the candidate loses everything, so it is rejected; the live version has (4/8 + 4/8) / 2.
    def script(request, place):
        count = {("policy-0001", PUSH): 8}.get((request.policy_id, request.task), 0)
        count = 4 if request.policy_id == "policy-0000" else count
        return Outcome.SUCCESS if place < count else Outcome.FAILURE

    world = World(script=script)
    first = run(world.ports(), iterations=1)
    assert first.outcomes[Stage.EVALUATE]["decision"] == "reject"
    assert reached(first, 0.5)
    assert not reached(first, 0.51)
    assert not reached(first, None)


def test_the_same_command_on_a_finished_store_does_nothing():
    world = World()
    run(world.ports(), iterations=1)
    before = contents(world.ports())
    again = Notebook()
    assert run(world.ports(observer=again), iterations=1).number == 1
    assert again.started == []
    assert contents(world.ports()) == before


def test_more_iterations_go_on_from_a_finished_store():
    world, whole = World(), World()
    run(world.ports(), iterations=1)
    again = Notebook()
    run(world.ports(observer=again), iterations=2)
    run(whole.ports(), iterations=2)
    assert again.started == [*stages(2, IMPROVEMENT), (2, "final")]
    for stage in IMPROVEMENT:
        ours, theirs = (dict(record(some, 2, stage)) for some in (world, whole))
        for name in (*CLOCKED, *OF_VERSIONS):
            ours.pop(name, None), theirs.pop(name, None)
        assert ours == theirs


def test_evaluation_episodes_are_labelled_once_and_final_ones_never():
    world = World()
    run(world.ports(), iterations=1)
    run(world.ports(), iterations=2)  # after a final assessment of iteration 1
    labelled = world.labels.read().keys()
    made = world.episodes.summaries()
    expected = {
        episode.episode_id
        for episode in made
        if episode.source in (Source.DEMONSTRATION, Source.COLLECTION)
        or (episode.source is Source.EVALUATION and episode.iteration < 2)
    }
    assert labelled == expected
    assert {episode.iteration for episode in made if episode.source is Source.FINAL} == {1, 2}


def test_seeds_are_shared_only_by_the_two_halves_of_an_evaluation():
    world = World(allocation=AllocationRules(revisit=0.0))
    run(world.ports(), iterations=2)
    by_seed = {}
    for episode in world.episodes.summaries():
        by_seed.setdefault((episode.task, episode.seed), []).append(episode)
    shared = [some for some in by_seed.values() if len(some) > 1]
    # 16 episodes of each of 2 tasks in iterations 1 and 2.
    assert len(shared) == 64
    for some in shared:
        assert len(some) == 2
        assert {episode.source for episode in some} == {Source.EVALUATION}
        assert len({episode.iteration for episode in some}) == 1


def test_while_nothing_can_be_scored_no_version_goes_live_and_nothing_is_assessed():
    world = World(script=lambda request, place: Outcome.UNSCORED)
    endpoint = MemoryEndpoint(policies=world.policies)
    run(world.ports(endpoint=endpoint), iterations=1, until=0.0)
    assert endpoint.deployed == []
    assert record(world, 1, "collect")["behaviour_policy"] == "demonstrator"
    assert record(world, 1, "train")["parent"] == "policy-0000"
    assert world.records.keys("final") == []


def test_an_endpoint_that_lies_stops_the_run_before_its_record():
    world = World()
    liar = MemoryEndpoint(policies=world.policies, spoils=0.1)
    with pytest.raises(EndpointError):
        run(world.ports(endpoint=liar), iterations=1)
    assert record(world, 0, "evaluate") is not None
    assert record(world, 0, "deploy") is None
    run(world.ports(), iterations=1)
    assert world.records.read(final_key(1)) is not None


class Rival(Notebook):
    """Another process records the stage while this one works on it."""

    def __init__(self, world, theirs):
        super().__init__()
        self.world, self.theirs = world, theirs

    def stage_started(self, iteration, stage):
        super().stage_started(iteration, stage)
        if stage == Stage.INGEST:
            self.world.records.write(record_key(iteration, stage), self.theirs)


def test_a_stage_that_somebody_else_recorded_meanwhile_is_not_recorded_twice():
    world, whole = World(), World()
    run(whole.ports(), iterations=0)
    theirs = record(whole, 0, Stage.INGEST)
    with pytest.raises(RecordExistsError):
        run(world.ports(observer=Rival(world, theirs)), iterations=0)
    assert record(world, 0, Stage.INGEST) == theirs
    assert told(world, Action.STAGE_COMPLETED) == ["plan"]
    run(world.ports(), iterations=0)
    assert told(world, Action.STAGE_COMPLETED) == PRETRAINING
    assert contents(world.ports()) == contents(whole.ports())


def test_a_record_that_lacks_what_its_stage_must_produce_is_refused():
    world = World()
    world.records.write(record_key(0, Stage.PLAN), world.planned(Iteration(number=0)).outcomes[Stage.PLAN])
    world.records.write(record_key(0, Stage.INGEST), {"episodes_version": 1})
    with pytest.raises(IterationError, match="iteration 0: ingest did not produce data_digests, tasks"):
        recorded(0, world.ports())


def tiny():
    """As few episodes as can show every way to die."""
    return World(
        demonstrations={REACH: 2, PUSH: 1},
        collect_episodes_per_task=1,
        evaluate_episodes_per_task=1,
        final_episodes_per_task=1,
        gate=make_rules(max_pairs=2, batch=1),
    )


def lives_told_once(world):
    """No process says twice that it began an iteration."""
    began = starts(world.ports())
    return len(began) == len(set(began))


def undisturbed():
    """What a run leaves that nothing happened to, and how many moments it has."""
    world, clock = tiny(), Clock()
    run(mortal(world.ports(), clock), iterations=1)
    return contents(world.ports()), clock.now


def test_wherever_a_run_is_killed_the_same_command_ends_as_if_nothing_had_happened():
    expected, moments = undisturbed()
    assert moments > 100
    for moment in range(moments):
        world = tiny()
        with pytest.raises(KilledError):
            run(mortal(world.ports(), Clock(dies_at=moment)), iterations=1)
        done = set(world.records.keys(""))
        made = {episode.episode_id for episode in world.episodes.summaries()}
        collectors = ScriptedCollectors(episodes=world.episodes, outcome=world.script)
        again = Notebook()
        run(world.ports(collectors=collectors, observer=again), iterations=1)
        assert contents(world.ports()) == expected, moment
        redone = {record_key(number, stage) for number, stage in again.started if stage != "final"}
        assert redone.isdisjoint(done), moment
        asked_again = {request.episode_id for requests, _ in collectors.asked for request in requests}
        assert asked_again.isdisjoint(made), moment
        assert lives_told_once(world), moment


def test_a_run_that_is_killed_again_and_again_ends_as_if_nothing_had_happened():
    expected, _ = undisturbed()
    world, lives = tiny(), 0
    while True:
        lives += 1
        assert lives < 100
        try:
            run(mortal(world.ports(), Clock(dies_at=70)), iterations=1)
            break
        except KilledError:
            continue
    assert lives > 3
    assert contents(world.ports()) == expected
    assert len(starts(world.ports())) > 3
    assert lives_told_once(world)


def test_a_run_killed_after_a_rejection_knows_the_live_version_and_the_candidate_again():
    script = skilled({"policy-0000": 3, "policy-0001": 0, "policy-0002": 7})
    expected = World(script=script)
    run(expected.ports(), iterations=2)
    for stage in range(len(IMPROVEMENT)):
        world = World(script=script)

        class Killer(Notebook):
            """Kills when a stage of iteration 2 starts."""

            def __init__(self, stage):
                super().__init__()
                self.fatal = (2, IMPROVEMENT[stage])

            def stage_started(self, iteration, stage):
                super().stage_started(iteration, stage)
                if self.started[-1] == self.fatal:
                    raise KilledError

        with pytest.raises(KilledError):
            run(world.ports(observer=Killer(stage)), iterations=2)
        run(world.ports(), iterations=2)
        assert contents(world.ports()) == contents(expected.ports())
    assert record(expected, 2, "train")["parent"] == "policy-0001"
    assert record(expected, 2, "collect")["behaviour_policy"] == "policy-0000"
    assert REACH in record(expected, 2, "evaluate")["live_tasks"]


def test_where_a_person_must_say_yes_nothing_is_deployed_before():
    world = World(gate=make_rules(approval=Approval.REQUIRED))
    with pytest.raises(WaitingError, match=r"iteration 0 waits for approval .* `flywheel approve 0` lets it go on"):
        run(world.ports(), iterations=1)
    chronicle = world.ports().chronicle
    assert (chronicle.control().iterations[0].state, chronicle.control().live) == (IterationState.WAITING, None)
    assert world.records.read(record_key(0, Stage.DEPLOY)) is None
    chronicle.append(partial(commands.approve, number=0, by="token:a", reason="looked at it"))
    with pytest.raises(WaitingError, match="iteration 1 waits"):
        run(world.ports(), iterations=1)
    assert chronicle.control().live == "policy-0000"
    chronicle.append(partial(commands.decline, number=1, by="token:a", reason="not today"))
    run(world.ports(), iterations=1)
    assert chronicle.control().iterations[1].state is IterationState.REJECTED
    assert chronicle.control().live == "policy-0000"
