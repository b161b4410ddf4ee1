import os
import pickle

import numpy as np
import pytest
from factories import content, random_episode, random_label
from fakes import MemoryLabels

from flywheel.core.errors import NotFoundError, StoreError
from flywheel.ports import TableSize
from flywheel.store.folder import LocalFolder
from flywheel.store.labels import DeltaLabels
from flywheel.store.objects import open_objects

EPISODE = random_episode(0)


@pytest.fixture(params=["memory", "folder", "s3"])
def table(request, tmp_path):
    if request.param == "memory":
        return MemoryLabels()
    store = str(tmp_path) if request.param == "folder" else request.getfixturevalue("s3_store")
    return DeltaLabels(objects=open_objects(store))


def commit(table, *groups, transaction="t"):
    return table.commit([table.write(group) for group in groups], transaction=transaction)


def test_labels_are_read_as_they_were_written_by_episode_and_task(table):
    first, second = random_episode(1, num_decisions=40), random_episode(2)
    reach = random_label(first)
    push = random_label(first, task="suite/push", rewards=reach.rewards[:7], success=None, terminated=False)
    other = random_label(second, success=False, rewards=np.zeros(0, np.float32))
    commit(table, [other, reach], [push])
    found = table.read()
    assert list(found) == [first.episode_id, second.episode_id]
    assert [content(label) for label in found[first.episode_id]] == [content(push), content(reach)]
    assert [content(label) for label in found[second.episode_id]] == [content(other)]


def test_a_tables_size_is_that_of_its_newest_version(table):
    assert table.size() == TableSize(version=0, num_bytes=0)
    first, second = table.write([random_label(EPISODE)]), table.write([random_label(random_episode(1))])
    assert table.commit([first], transaction="one") == 1
    assert table.size() == TableSize(version=1, num_bytes=first.num_bytes)
    table.commit([second], transaction="two")
    assert table.size() == TableSize(version=2, num_bytes=first.num_bytes + second.num_bytes)


def test_labels_of_some_episodes_are_read_alone(table):
    episodes = [random_episode(number) for number in range(3)]
    commit(table, [random_label(episode) for episode in episodes])
    commit(table, [random_label(episodes[1], labeler_version=2)], transaction="later")
    wanted = [episodes[1].episode_id, episodes[2].episode_id]
    found = table.of(wanted)
    assert {name: [label.labeler_version for label in labels] for name, labels in found.items()} == {
        wanted[0]: [2],
        wanted[1]: [1],
    }
    assert table.of(wanted[:1], version=1)[wanted[0]][0].labeler_version == 1
    assert table.of(["0000-nobody"]) == table.of([]) == {}


def test_a_new_table_is_empty(table):
    assert table.read() == {}
    assert table.committed("t") is None


def test_it_knows_which_episodes_have_a_label_at_a_version(table):
    first, second = random_episode(1), random_episode(2)
    commit(table, [random_label(first)], transaction="t")
    commit(table, [random_label(second), random_label(second, task="suite/push")], transaction="u")
    asked = [first.episode_id, second.episode_id, "no such episode"]
    assert table.labelled(asked) == {first.episode_id, second.episode_id}
    assert table.labelled(asked[1:], version=1) == set()
    assert table.labelled([]) == set()


def test_the_newest_labeler_version_counts_whenever_it_was_written(table):
    versions = [random_label(EPISODE, labeler_version=number, success=number == 10) for number in (2, 10, 9)]
    for label in versions:
        commit(table, [label], transaction=f"v{label.labeler_version}")
    assert [label.labeler_version for label in table.read()[EPISODE.episode_id]] == [10]
    assert table.read()[EPISODE.episode_id][0].success is True


def test_a_new_labeler_version_of_one_task_leaves_the_other_tasks_alone(table):
    old = [random_label(EPISODE, task=task) for task in ("a", "b")]
    commit(table, old, transaction="t")
    commit(table, [random_label(EPISODE, task="b", labeler_version=2)], transaction="u")
    assert [(label.task, label.labeler_version) for label in table.read()[EPISODE.episode_id]] == [("a", 1), ("b", 2)]


def test_between_labelers_of_one_version_the_name_decides_for_every_reader(table):
    labels = [random_label(EPISODE, labeler=name) for name in ("recorded", "within", "human")]
    for label in labels:
        commit(table, [label], transaction=label.labeler)
    assert [label.labeler for label in table.read()[EPISODE.episode_id]] == ["within"]


def test_a_version_stays_what_it_was(table):
    first = commit(table, [random_label(EPISODE)], transaction="t")
    commit(table, [random_label(EPISODE, labeler_version=2)], transaction="u")
    assert table.read(version=first)[EPISODE.episode_id][0].labeler_version == 1
    with pytest.raises(NotFoundError, match="no version 9"):
        table.read(version=9)


def test_a_transaction_commits_once(table):
    first = commit(table, [random_label(EPISODE)], transaction="t")
    assert commit(table, [random_label(random_episode(1))], transaction="t") == first
    assert table.committed("t") == first
    assert list(table.read()) == [EPISODE.episode_id]


def test_no_labels_are_legal(table):
    part = table.write([])
    assert part.num_rows == 0
    table.commit([part], transaction="t")
    table.commit([], transaction="u")
    assert table.read() == {}


def test_a_damaged_file_is_named(tmp_path):
    table = DeltaLabels(objects=LocalFolder(root=tmp_path))
    part = table.write([random_label(EPISODE)])
    table.commit([part], transaction="t")
    os.truncate(tmp_path / "labels" / part.path, part.num_bytes // 2)
    with pytest.raises(StoreError, match=f"labels/{part.path}: damaged"):
        table.read()


def test_a_table_travels_to_other_processes(tmp_path):
    table = DeltaLabels(objects=LocalFolder(root=tmp_path))
    commit(pickle.loads(pickle.dumps(table)), [random_label(EPISODE)])
    assert list(table.read()) == [EPISODE.episode_id]


def test_a_versions_digest_is_of_its_files_whoever_committed_them_and_when(table, tmp_path):
    rows = [random_label(random_episode(seed)) for seed in range(4)]
    first = commit(table, rows[:2], transaction="one")
    second = commit(table, rows[2:3], rows[3:], transaction="two")
    digests = table.digest(first), table.digest(second)
    assert digests[0] != digests[1]
    commit(table, rows[:1], transaction="three")
    assert (table.digest(first), table.digest(second)) == digests
    again = type(table)(**({} if not hasattr(table, "_table") else {"objects": LocalFolder(root=tmp_path / "again")}))
    commit(again, rows[3:], rows[2:3], transaction="four")
    assert again.digest(commit(again, rows[:2], transaction="five")) == digests[1]


def test_a_version_that_is_not_there_has_no_digest(table):
    with pytest.raises(NotFoundError):
        table.digest(1)
    commit(table, [random_label(random_episode(seed)) for seed in range(4)])
    with pytest.raises(NotFoundError):
        table.digest(99)
