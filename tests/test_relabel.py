import numpy as np
from factories import random_episode
from fakes import DirectRelabeler
from world import PUSH, REACH, TASKS, World

from flywheel.core.behaviour import Behaviour
from flywheel.core.episode import Outcome, Source
from flywheel.core.iteration import Iteration, Stage, record_key
from flywheel.stages.collect import collect
from flywheel.stages.evaluate import evaluate
from flywheel.stages.gather import gather
from flywheel.stages.ingest import ingest
from flywheel.stages.relabel import relabel


def relabeler_of(world):
    return DirectRelabeler(tasks=TASKS, episodes=world.episodes, labels=world.labels)


def after_ingest(world):
    first = world.planned(Iteration(number=0))
    return first.completed(Stage.INGEST, ingest(first, world.ports()))


def after_collect(world):
    """Iteration 1, when iteration 0 ended with an evaluation of policy-0000 and a final assessment."""
    ingest(Iteration(number=0), world.ports())
    trained = Iteration(number=0, outcomes={Stage.TRAIN: {"policy_id": "policy-0000"}})
    evaluate(world.planned(trained), world.ports())
    final = world.plan.requests(Source.FINAL, iteration=0, episodes_per_task={REACH: 2}, policy_id="policy-0000")
    gather(final, Behaviour(sampled=False), transaction="0000-final", ports=world.ports())
    first = world.planned(Iteration(number=1, live="policy-0000", candidate="policy-0000"))
    return first.completed(Stage.COLLECT, collect(first, world.ports()))


def labelled(world, number):
    """The iteration recorded that it labelled."""
    world.records.write(record_key(number, Stage.RELABEL), {})


def test_every_episode_is_labelled_for_every_task_of_its_scene():
    world = World()
    outcome = relabel(after_ingest(world), world.ports())
    labels = world.labels.read(version=outcome["labels_version"])
    assert labels.keys() == {episode.episode_id for episode in world.episodes.summaries()}
    assert all([label.task for label in some] == [PUSH, REACH] for some in labels.values())


def test_it_names_the_versions_of_both_tables_for_training():
    world = World()
    outcome = relabel(after_ingest(world), world.ports())
    assert (outcome["episodes_version"], outcome["labels_version"]) == (1, 1)


def test_the_evaluation_before_is_labelled_with_the_collected_episodes_and_the_final_ones_never():
    world = World()
    iteration, relabeler = after_collect(world), relabeler_of(world)
    labelled(world, 0)
    relabel(iteration, world.ports(relabeler=relabeler))
    (asked,) = relabeler.asked
    found = {episode.episode_id: episode for episode in world.episodes.summaries()}
    assert len(asked) == len(set(asked))
    # 2 collected and 4 evaluated episodes of 2 tasks.
    assert (
        sorted((found[name].source, found[name].iteration) for name in asked)
        == [("collection", 1)] * 4 + [("evaluation", 0)] * 8
    )


def test_what_an_iteration_left_that_was_over_before_it_labelled_is_labelled_with_the_next():
    world = World()
    iteration, relabeler = after_collect(world), relabeler_of(world)
    relabel(iteration, world.ports(relabeler=relabeler))
    (asked,) = relabeler.asked
    expected = {episode.episode_id for episode in world.episodes.summaries() if episode.source is not Source.FINAL}
    assert sorted(asked) == sorted(expected)


def test_an_upload_that_waits_since_an_iteration_that_never_labelled_is_labelled_once():
    world = World()
    after_ingest(world)
    name = uploaded(world, 1, iteration=0)
    iteration, relabeler = after_collect(world), relabeler_of(world)
    relabel(iteration, world.ports(relabeler=relabeler))
    (asked,) = relabeler.asked
    assert asked.count(name) == 1


def test_what_was_labelled_by_an_iteration_that_died_before_its_record_and_was_cancelled_is_not_labelled_twice():
    world = World()
    first = after_ingest(world)
    relabel(first, world.ports())
    second = world.planned(Iteration(number=1, live="policy-0000", candidate="policy-0000"))
    second = second.completed(Stage.COLLECT, collect(second, world.ports()))
    relabeler = relabeler_of(world)
    relabel(second, world.ports(relabeler=relabeler))
    (asked,) = relabeler.asked
    assert {name.split("-")[0] for name in asked} == {"0001"}


def uploaded(world, number, **changes):
    """Commits an upload and returns its id."""
    made = random_episode(number, episode_id=f"upload-{number}", source=Source.UPLOAD, task=REACH, **changes)
    world.episodes.commit([world.episodes.write([made])], transaction=made.episode_id)
    return made.episode_id


def test_an_upload_is_labelled_once_by_the_first_iteration_whose_episodes_come_after_it():
    world = World()
    early = uploaded(world, 1, iteration=0)
    first = after_ingest(world)
    late = uploaded(world, 2, iteration=0)
    labels = world.labels.read(version=relabel(first, world.ports())["labels_version"])
    assert early in labels
    assert late not in labels
    labelled(world, 0)
    second = world.planned(Iteration(number=1, live="policy-0000", candidate="policy-0000"))
    second = second.completed(Stage.COLLECT, collect(second, world.ports()))
    relabeler = relabeler_of(world)
    relabel(second, world.ports(relabeler=relabeler))
    (asked,) = relabeler.asked
    assert late in asked
    assert early not in asked


def test_an_upload_without_facts_is_labelled_with_what_its_file_reported():
    world = World()
    successes = np.array([False, False, True, False, False])
    name = uploaded(world, 1, iteration=0, facts={}, successes=successes)
    labels = world.labels.read(version=relabel(after_ingest(world), world.ports())["labels_version"])
    (label,) = labels[name]
    assert (label.task, label.labeler, label.success, len(label.rewards)) == (REACH, "recorded", True, 3)


def test_crashed_episodes_are_left_out():
    world = World(script=lambda request, place: Outcome.ERROR if place == 0 else Outcome.FAILURE)
    iteration, relabeler = after_ingest(world), relabeler_of(world)
    relabel(iteration, world.ports(relabeler=relabeler))
    (asked,) = relabeler.asked
    # 3 + 2 demonstrations, the first of each task crashed.
    assert len(asked) == 3


def test_only_crashed_episodes_leave_an_empty_table_of_labels():
    world = World(script=lambda request, place: Outcome.ERROR)
    outcome = relabel(after_ingest(world), world.ports())
    assert world.labels.read(version=outcome["labels_version"]) == {}


def test_labels_that_were_committed_are_not_made_again():
    world = World()
    iteration, relabeler = after_ingest(world), relabeler_of(world)
    first = relabel(iteration, world.ports())
    assert relabel(iteration, world.ports(relabeler=relabeler)) == first
    assert relabeler.asked == []
