import numpy as np
import pytest
from factories import content, crashed_episode, random_episode, random_label
from library import Library

from flywheel.core.episode import Source
from flywheel.core.outline import Block, DataSize


@pytest.fixture
def library(tmp_path):
    return Library(tmp_path)


def make(count, **changes):
    return [random_episode(number, **changes) for number in range(count)]


def test_the_size_is_what_the_logs_say(library):
    library.add(make(3, num_decisions=5), [random_episode(7, num_decisions=9)])
    assert library.catalogue.size(**library.versions) == DataSize(num_episodes=4, num_labels=4, max_decisions=9)


def test_an_outline_says_of_each_label_whose_it_is(library):
    episode = random_episode(0, num_decisions=6, source=Source.EVALUATION, iteration=3)
    own = random_label(episode, success=False)
    other = random_label(episode, task="suite/push", rewards=own.rewards[:2], success=None)
    library.add([episode, crashed_episode(1)], labels=[own, other])
    (outline,) = library.outlines()
    assert outline.episode_ids == [episode.episode_id] * 2
    assert outline.tasks == ["suite/push", "suite/reach"]
    assert outline.episode_tasks == ["suite/reach"] * 2
    assert (outline.sources, outline.behaviour_policies) == (["evaluation"] * 2, ["p0000"] * 2)
    assert outline.successes == [None, False]
    assert (outline.lengths.tolist(), outline.num_decisions.tolist()) == ([2, 6], [6, 6])
    assert (outline.iterations.tolist(), outline.crashed.tolist()) == ([3, 3], [False, False])


def test_the_newest_labeler_version_counts_wherever_it_lies(library):
    episode = random_episode(0)
    library.add([episode])
    versions = [random_label(episode, labeler_version=number, success=number == 10) for number in (10, 9)]
    tied = [random_label(episode, labeler_version=10, labeler=name, success=False) for name in ("a", "recorded")]
    library.add([], labels=[*versions, *tied])
    (outline,) = library.outlines()
    assert outline.successes == [True]
    (block,) = [Block(key=outline.key, index=0)]
    _, labels = library.catalogue.read(block, labels_version=library.versions["labels_version"])
    assert [label.success for label in labels[episode.episode_id]] == [True]


def test_a_block_is_a_row_group_and_holds_its_episodes_without_facts(library):
    made = make(150, num_decisions=2)
    library.add(made[:70], made[70:])
    seen = {}
    for outline in library.outlines():
        for index in np.unique(outline.blocks).tolist():
            block = Block(key=outline.key, index=index)
            episodes, labels = library.catalogue.read(block, labels_version=library.versions["labels_version"])
            mine = {outline.episode_ids[row] for row in np.flatnonzero(outline.blocks == index)}
            assert {episode.episode_id for episode in episodes} == set(labels) == mine
            seen |= {episode.episode_id: (episode, labels[episode.episode_id]) for episode in episodes}
    assert len(seen) == 150
    for episode in made:
        read, labels = seen[episode.episode_id]
        assert content(read) == content(random_episode(episode.seed, num_decisions=2, facts={}))
        assert [content(label) for label in labels] == [content(random_label(episode))]


def test_a_version_outlines_what_it_held(library):
    library.add(make(2))
    before = dict(library.versions)
    library.add([random_episode(9)])
    assert sum(len(outline.tasks) for outline in library.outlines()) == 3
    assert sum(len(outline.tasks) for outline in library.catalogue.outlines(**before)) == 2
