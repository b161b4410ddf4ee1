import gc
import json
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, QueryBuilder
from factories import content, crashed_episode, random_episode
from fakes import MemoryEpisodes
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel.core.episode import Outcome, Source
from flywheel.core.errors import NotFoundError, StoreError
from flywheel.ports import Part
from flywheel.store.episode_rows import SCHEMA
from flywheel.store.episodes import DeltaEpisodes
from flywheel.store.folder import LocalFolder
from flywheel.store.objects import open_objects
from flywheel.store.tables import DataFile


@pytest.fixture(params=["memory", "folder", "s3"])
def table(request, tmp_path):
    if request.param == "memory":
        return MemoryEpisodes()
    store = str(tmp_path) if request.param == "folder" else request.getfixturevalue("s3_store")
    return DeltaEpisodes(objects=open_objects(store))


@pytest.fixture
def delta(tmp_path):
    return DeltaEpisodes(objects=LocalFolder(root=tmp_path))


def commit(table, *groups, transaction="t"):
    return table.commit([table.write(group) for group in groups], transaction=transaction)


def ids(episodes):
    return [episode.episode_id for episode in episodes]


def make(count, **changes):
    return [random_episode(seed, **changes) for seed in range(count)]


def test_an_episode_is_read_as_it_was_written(table):
    made = [
        random_episode(0),
        random_episode(1, num_decisions=1, action_size=2, facts={}, scored=False, terminated=True, truncated=False),
        random_episode(2, observations={}, source=Source.DEMONSTRATION, seed=2**62, error="raised later"),
        crashed_episode(3),
        crashed_episode(4, observations={}, action_size=0, facts={"a": np.zeros((0, 2, 3), np.float32)}),
    ]
    commit(table, made)
    assert [content(episode) for episode in table.read()] == [content(episode) for episode in made]


@settings(max_examples=20)
@given(
    values=st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=20),
    text=st.text(max_size=20),
)
def test_every_float_and_text_survives_to_the_bit(tmp_path_factory, values, text):
    rewards = np.array(values, np.float32)
    made = random_episode(num_decisions=len(values), rewards=rewards, initial_state=text, error=text)
    table = DeltaEpisodes(objects=LocalFolder(root=tmp_path_factory.mktemp("store")))
    commit(table, [made])
    assert [content(episode) for episode in table.read()] == [content(made)]


def test_summaries_are_of_the_source_that_is_asked_for(table):
    commit(table, make(2), [random_episode(8, source=Source.UPLOAD, iteration=4)])
    commit(table, [random_episode(9, source=Source.UPLOAD)], transaction="later")
    assert [some.seed for some in table.summaries(source=Source.UPLOAD)] == [8, 9]
    assert [some.seed for some in table.summaries(source=Source.UPLOAD, iteration=4)] == [8]
    assert [some.seed for some in table.summaries(source=Source.UPLOAD, version=1)] == [8]
    assert table.summaries(source=Source.FINAL) == []


def test_a_new_table_is_empty(table):
    assert list(table.read()) == []
    assert table.summaries() == []
    assert table.committed("t") is None


def test_looking_makes_no_table(delta, tmp_path):
    delta.summaries()
    delta.committed("t")
    assert list(tmp_path.iterdir()) == []


def test_what_is_written_is_invisible_until_it_is_committed(table):
    part = table.write(make(2))
    assert list(table.read()) == []
    table.commit([part], transaction="t")
    assert ids(table.read()) == ids(make(2))


def test_the_same_episodes_give_the_same_part_in_any_order(table):
    made = make(3)
    part = table.write(made)
    assert table.write(made[::-1]) == part
    assert part.num_rows == 3
    assert table.write(made[:2]).path != part.path


def test_a_transaction_commits_once(table):
    first = commit(table, make(2), transaction="t")
    assert commit(table, [random_episode(9)], transaction="u") == first + 1
    assert commit(table, make(2), transaction="t") == first
    assert commit(table, [random_episode(5)], transaction="t") == first
    assert table.commit([Part(path="gone", num_bytes=1, num_rows=1)], transaction="t") == first
    assert ids(table.read()) == ids([*make(2), random_episode(9)])
    assert (table.committed("t"), table.committed("u"), table.committed("v")) == (first, first + 1, None)


def test_a_part_named_twice_counts_once(table):
    part = table.write(make(2))
    table.commit([part, part], transaction="t")
    table.commit([part], transaction="u")
    assert len(table.summaries()) == 2


def test_a_commit_without_parts_is_a_version_like_others(table):
    first = commit(table, transaction="nothing")
    assert commit(table, make(1), transaction="t") == first + 1
    assert commit(table, transaction="nothing") == first
    assert list(table.read(version=first)) == []


def test_a_part_without_episodes_is_legal(table):
    commit(table, [], make(1))
    assert len(table.summaries()) == 1


def test_a_version_stays_what_it_was(table):
    versions = [commit(table, [random_episode(seed)], transaction=str(seed)) for seed in range(3)]
    for number, version in enumerate(versions, start=1):
        assert ids(table.read(version=version)) == ids(make(number))
        assert len(table.summaries(version=version)) == number


def test_a_version_that_is_not_there_is_refused(table):
    with pytest.raises(NotFoundError, match="version 0"):
        table.summaries(version=0)
    newest = commit(table, make(1))
    with pytest.raises(NotFoundError, match=f"no version {newest + 1}"):
        table.summaries(version=newest + 1)


def test_summaries_say_what_the_episodes_are(table):
    made = [
        random_episode(0, successes=np.array([False, True, True]), num_decisions=3, decision_s=0.5),
        random_episode(1, scored=False),
        crashed_episode(2, iteration=4),
    ]
    commit(table, made[1:], made[:1])
    success, unscored, error = table.summaries()
    # The second decision succeeded first: 2 x 0.5 s.
    assert (success.outcome, success.num_decisions, success.time_to_success_s) == (Outcome.SUCCESS, 3, 1.0)
    assert (unscored.outcome, unscored.time_to_success_s, unscored.error) == (Outcome.UNSCORED, None, None)
    assert (error.outcome, error.num_decisions, error.error) == (Outcome.ERROR, 0, "raised")
    assert success.source is Source.COLLECTION
    assert (success.task, success.scene, success.behaviour_policy) == ("suite/reach", "table", "p0000")
    assert (success.seed, success.initial_state, success.iteration) == (0, "00000000", 1)
    assert table.summaries(iteration=4) == [error]
    assert table.summaries(iteration=5) == []


def test_outcomes_are_counted_by_task_policy_and_source(table):
    reached = np.ones(5, np.bool_)
    commit(
        table,
        [random_episode(0, successes=reached), random_episode(1, successes=~reached), crashed_episode(2)],
        [random_episode(3, successes=reached), random_episode(4, successes=reached, source=Source.EVALUATION)],
        [random_episode(5, successes=reached, task="suite/push", behaviour_policy="p0001")],
    )
    assert table.counts() == {
        ("suite/push", "p0001", Source.COLLECTION): {Outcome.SUCCESS: 1},
        ("suite/reach", "p0000", Source.COLLECTION): {Outcome.SUCCESS: 2, Outcome.FAILURE: 1, Outcome.ERROR: 1},
        ("suite/reach", "p0000", Source.EVALUATION): {Outcome.SUCCESS: 1},
    }


def test_counts_are_of_the_version_that_is_asked_for(table):
    first = commit(table, make(2, scored=False))
    commit(table, [random_episode(2, scored=False)], transaction="later")
    kind = ("suite/reach", "p0000", Source.COLLECTION)
    assert table.counts() == {kind: {Outcome.UNSCORED: 3}}
    assert table.counts(version=first) == {kind: {Outcome.UNSCORED: 2}}
    assert table.counts() == {kind: {Outcome.UNSCORED: 3}}


def test_nothing_is_counted_in_a_new_table(table):
    assert table.counts() == {}


def test_a_file_that_was_read_before_and_is_damaged_since_is_named(delta, tmp_path):
    part = delta.write(make(3))
    delta.commit([part], transaction="t")
    assert len(list(delta.read())) == 3
    os.truncate(part_file(tmp_path, part), int(part.num_bytes * 0.99))
    with pytest.raises(StoreError, match=f"episodes/{part.path}: damaged"):
        list(delta.read())


@pytest.mark.parametrize(("count", "reason"), [(70, "is not where it was"), (3, "is not where it was|row groups")])
def test_a_file_that_became_another_since_its_ids_were_read_is_named(delta, tmp_path, count, reason):
    """Ids are kept: the rows that they point at must still be theirs."""
    part = delta.write(make(70, num_decisions=1))
    delta.commit([part], transaction="t")
    assert len(list(delta.read())) == 70
    other = delta.write([random_episode(100 + number, num_decisions=1) for number in range(count)])
    os.replace(part_file(tmp_path, other), part_file(tmp_path, part))
    for number in (0, 69):
        with pytest.raises(StoreError, match=f"episodes/{part.path}: damaged: .*({reason})"):
            list(delta.read(episode_ids=[random_episode(number).episode_id]))


def test_an_episode_does_not_hold_its_row_group_in_memory(delta):
    commit(delta, make(64))
    episode = next(delta.read())
    named = [*episode.observations.values(), *episode.facts.values()]
    own = sum(values.nbytes for values in named)
    for values in (episode.actions, episode.rewards, episode.successes):
        assert values.base is None or values.base.nbytes == values.nbytes
    for values in named:
        assert values.base is not None
        assert values.base.nbytes <= own


def test_only_the_episode_whose_numbers_are_wrong_is_refused(delta, tmp_path):
    made = make(3, num_decisions=2)
    part = delta.write(made)
    delta.commit([part], transaction="t")
    rows = pq.read_table(part_file(tmp_path, part)).to_pylist()
    rows[1]["observations"][0]["values"][0] = float("inf")
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), part_file(tmp_path, part))
    sound = [made[0], made[2]]
    assert [content(one) for one in delta.read(episode_ids=ids(sound))] == [content(one) for one in sound]
    with pytest.raises(StoreError, match=f"{made[1].episode_id}: not an episode: .*NaN or infinite"):
        list(delta.read(episode_ids=ids(made[1:2])))


@pytest.mark.parametrize(
    ("values", "possible"),
    [([], []), (["a"], []), (["a", "b", "c", "d", "e"], ["b", "c", "d"]), (["e"], []), (["c"], ["c"])],
)
def test_of_sorted_values_a_file_may_hold_those_within_its_range(values, possible):
    known = {"key": "k", "path": "p", "num_bytes": 1, "num_rows": 1}
    file = DataFile(**known, least={"x": "b"}, greatest={"x": "d"})
    assert file.possible("x", values) == possible
    assert file.may_hold("x", values) == bool(possible)
    unknown = DataFile(**known, least={"x": None}, greatest={})
    assert unknown.possible("x", values) == values


def test_episodes_come_in_the_order_of_their_ids_however_they_were_written(table):
    made = make(200, num_decisions=1)
    shuffled = [made[index] for index in np.random.default_rng(0).permutation(200)]
    commit(table, shuffled[:150], shuffled[150:], transaction="t")
    assert ids(table.read()) == ids(made)
    assert ids(table.summaries()) == ids(made)


def test_chosen_episodes_come_alone_and_once(table):
    made = make(150, num_decisions=2)
    commit(table, made[:70], made[70:])
    chosen = [made[index] for index in (149, 3, 80, 3)]
    found = list(table.read(episode_ids=iter(ids(chosen))))
    assert [content(episode) for episode in found] == [content(made[index]) for index in (3, 80, 149)]
    assert list(table.read(episode_ids=[])) == []


def test_an_id_that_is_not_there_is_refused_before_anything_is_read(table):
    commit(table, make(2))
    with pytest.raises(NotFoundError, match="missing"):
        table.read(episode_ids=[random_episode(0).episode_id, "missing"])


def test_an_episode_that_is_there_twice_is_refused(table):
    commit(table, make(2), transaction="t")
    commit(table, [random_episode(1), random_episode(7)], transaction="u")
    with pytest.raises(StoreError, match="more than once"):
        table.summaries()
    with pytest.raises(StoreError, match="more than once"):
        table.read()


def test_the_footers_of_files_do_not_wait_for_pythons_collector(tmp_path):
    """Of large files they take a megabyte each, which the collector does not know."""

    def footers() -> int:
        return sum(type(known) is pq.FileMetaData for known in gc.get_objects())

    before = footers()
    gc.disable()
    try:
        reader = DeltaEpisodes(objects=LocalFolder(root=tmp_path))
        commit(reader, [random_episode(1)], [random_episode(2)])
        assert len(list(reader.read())) == 2
        assert footers() > before
        del reader
        assert footers() == before
    finally:
        gc.enable()


def test_a_part_that_is_missing_commits_nothing(table):
    good = table.write(make(1))
    with pytest.raises(StoreError, match="part-gone"):
        table.commit([good, Part(path="part-gone.parquet", num_bytes=9, num_rows=1)], transaction="t")
    assert table.committed("t") is None
    assert table.summaries() == []


def part_file(tmp_path, part):
    return tmp_path / "episodes" / part.path


@pytest.mark.parametrize("keep", [0, 0.5, 0.99])
def test_a_truncated_part_commits_nothing(delta, tmp_path, keep):
    part = delta.write(make(3))
    os.truncate(part_file(tmp_path, part), int(part.num_bytes * keep))
    with pytest.raises(StoreError, match=f"{part.path}: damaged"):
        delta.commit([part], transaction="t")
    assert delta.committed("t") is None


def test_a_part_that_is_another_file_commits_nothing(delta, tmp_path):
    part, other = delta.write(make(3)), delta.write(make(2))
    os.replace(part_file(tmp_path, other), part_file(tmp_path, part))
    with pytest.raises(StoreError, match=f"{part.path}: has .* and 2 rows, .* and 3 rows were written"):
        delta.commit([part], transaction="t")


@pytest.mark.parametrize("keep", [0, 0.5, 0.99])
def test_a_truncated_file_is_named(delta, tmp_path, keep):
    part = delta.write(make(3))
    delta.commit([part], transaction="t")
    os.truncate(part_file(tmp_path, part), int(part.num_bytes * keep))
    with pytest.raises(StoreError, match=f"episodes/{part.path}: damaged"):
        delta.summaries()
    with pytest.raises(StoreError, match=f"episodes/{part.path}: damaged"):
        list(delta.read())


def test_a_missing_file_is_named(delta, tmp_path):
    part = delta.write(make(3))
    delta.commit([part], transaction="t")
    part_file(tmp_path, part).unlink()
    with pytest.raises(StoreError, match=f"episodes/{part.path}: missing"):
        delta.summaries()


def test_a_flipped_bit_never_changes_an_episode(delta, tmp_path):
    made = make(3)
    part = delta.write(made)
    delta.commit([part], transaction="t")
    path, expected = part_file(tmp_path, part), repr([content(episode) for episode in made])
    whole = path.read_bytes()
    outcomes = set()
    for position in np.random.default_rng(0).integers(0, len(whole), 250):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x10]) + whole[position + 1 :])
        outcomes.add(read_or_refusal(delta))
    refusals = outcomes - {expected}
    # Flips in column statistics and the like change nothing.
    assert expected in outcomes
    assert refusals
    assert all(f"StoreError: episodes/{part.path}: " in refusal for refusal in refusals)


def read_or_refusal(table):
    try:
        return repr([content(episode) for episode in table.read()])
    except StoreError as failure:
        return f"StoreError: {failure}"


@pytest.mark.parametrize(
    ("column", "value"), [("num_decisions", 3), ("source", "dream"), ("truncated", True), ("rewards", [float("nan")])]
)
def test_a_row_that_is_no_episode_is_named(delta, tmp_path, column, value):
    part = delta.write([random_episode(0), random_episode(1, num_decisions=1, terminated=True, truncated=False)])
    delta.commit([part], transaction="t")
    rows = pq.read_table(part_file(tmp_path, part)).to_pylist()
    rows[1][column] = value
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), part_file(tmp_path, part))
    episodes = delta.read()
    assert next(episodes).episode_id == random_episode(0).episode_id
    with pytest.raises(StoreError, match=f"{part.path}: episode {random_episode(1).episode_id}: not an episode"):
        next(episodes)


@pytest.mark.parametrize("text", ["", "{", "not json"])
def test_a_damaged_log_is_an_error_of_its_table(delta, tmp_path, text):
    commit(delta, make(1))
    (tmp_path / "episodes/_delta_log/00000000000000000001.json").write_text(text)
    (tmp_path / "episodes/_delta_log/00000000000000000000.json").write_text(text)
    with pytest.raises(StoreError, match=r"table episodes: cannot be opened: .+"):
        delta.summaries()


def test_a_table_with_other_columns_is_refused(delta, tmp_path):
    DeltaTable.create(tmp_path / "episodes", pa.schema([pa.field("episode_id", pa.string())]))
    with pytest.raises(StoreError, match="table episodes: has other columns"):
        commit(delta, make(1))


def test_many_that_commit_at_once_all_commit_and_each_transaction_once(tmp_path):
    barrier = Barrier(8)

    def attempt(number):
        table = DeltaEpisodes(objects=LocalFolder(root=tmp_path))
        part = table.write([random_episode(number // 2)])
        barrier.wait()
        return table.commit([part], transaction=str(number // 2))

    with ThreadPoolExecutor(8) as pool:
        versions = list(pool.map(attempt, range(8)))
    # Two of each transaction: they agree on its version, and the four versions are the table's first four.
    assert versions[::2] == versions[1::2]
    assert sorted(versions[::2]) == [1, 2, 3, 4]
    assert ids(DeltaEpisodes(objects=LocalFolder(root=tmp_path)).read()) == ids(make(4))


def test_a_table_travels_to_other_processes(delta):
    commit(delta, make(2))
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        part = pool.submit(delta.write, [random_episode(2)]).result()
        assert pool.submit(delta.commit, [part], transaction="u").result() == 2
    assert ids(delta.read()) == ids(make(3))
    assert len(pickle.dumps(delta)) < 5000


WRITER = """
import sys
from factories import random_episode
from flywheel.store.episodes import DeltaEpisodes
from flywheel.store.folder import LocalFolder
table = DeltaEpisodes(objects=LocalFolder(root=sys.argv[1]))
for number in range(100_000):
    parts = [table.write([random_episode(2 * number + half)]) for half in range(2)]
    print(table.commit(parts, transaction=str(number)), flush=True)
"""


def test_what_a_killed_committer_began_is_committed_once_by_its_successor(tmp_path):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, tmp_path], stdout=subprocess.PIPE, text=True, env=environment
    ) as writer:
        acknowledged = [int(writer.stdout.readline()) for _ in range(3)]
        os.kill(writer.pid, signal.SIGKILL)
    assert acknowledged == [1, 2, 3]
    table = DeltaEpisodes(objects=LocalFolder(root=tmp_path))
    before = len(table.summaries())
    assert before >= 6
    assert before % 2 == 0
    for number in range(before // 2 + 1):
        made = [random_episode(2 * number + half) for half in range(2)]
        commit(table, made[:1], made[1:], transaction=str(number))
    assert ids(table.read()) == ids(make(before + 2))


def test_old_versions_and_transactions_outlive_the_checkpoints_of_the_log(delta, tmp_path):
    for number in range(25):
        assert commit(delta, transaction=str(number)) == number + 1
    commit(delta, make(1), transaction="last")
    assert (tmp_path / "episodes/_delta_log/_last_checkpoint").exists()
    assert delta.committed("0") == 1
    assert delta.summaries(version=1) == []
    assert len(delta.summaries(version=26)) == 1


def test_files_that_cannot_hold_what_is_asked_for_are_not_opened(delta, tmp_path):
    for iteration in range(2):
        name = f"000{iteration}-a"
        commit(delta, [random_episode(iteration=iteration, episode_id=name)], transaction=name)
    for path in (tmp_path / "episodes").glob("part-*"):
        if pq.read_table(path, columns=["iteration"])["iteration"][0].as_py() == 1:
            path.unlink()
    assert ids(delta.summaries(iteration=0)) == ["0000-a"]
    assert ids(delta.read(episode_ids=["0000-a"])) == ["0000-a"]
    with pytest.raises(NotFoundError):
        delta.read(episode_ids=["0000-b"])
    with pytest.raises(StoreError, match="missing"):
        delta.summaries()


class CountingFolder(LocalFolder):
    """Remembers what was opened."""

    opened: tuple[str, ...] = ()

    def open(self, key):
        self.opened = (*self.opened, key)
        return super().open(key)


def test_reading_goes_from_file_to_file_and_opens_each_when_it_is_due(tmp_path):
    objects = CountingFolder(root=tmp_path)
    table, made = DeltaEpisodes(objects=objects), make(192, num_decisions=1)
    parts = [table.write(made[first : first + 64]) for first in (0, 64, 128)]
    table.commit(parts, transaction="t")
    episodes = table.read()
    objects.opened = ()
    assert ids(next(episodes) for _ in range(64)) == ids(made[:64])
    assert objects.opened == (f"episodes/{parts[0].path}",)
    assert ids(episodes) == ids(made[64:])
    assert objects.opened == tuple(f"episodes/{part.path}" for part in parts)


def test_a_file_whose_ids_are_kept_is_opened_once_for_its_episodes(tmp_path):
    objects = CountingFolder(root=tmp_path)
    table, made = DeltaEpisodes(objects=objects), make(3, num_decisions=1)
    part = table.write(made)
    table.commit([part], transaction="t")
    list(table.read())
    objects.opened = ()
    assert ids(table.read(episode_ids=ids(made[:2]))) == ids(made[:2])
    assert objects.opened == (f"episodes/{part.path}",)


def test_other_engines_read_the_table(delta, tmp_path):
    reached = np.array([False, True])
    commit(
        delta,
        [random_episode(0, num_decisions=2, successes=reached), random_episode(1, num_decisions=2, successes=~reached)],
        [crashed_episode(2)],
    )
    query = """
        select outcome, count(*) as episodes, min(time_to_success_s) as fastest_s, min(observations[1]['name']) as name,
               max(array_length(observations[1]['values'])) as size
        from episodes group by outcome order by outcome
    """
    found = QueryBuilder().register("episodes", DeltaTable(tmp_path / "episodes")).execute(query).read_all()
    assert pa.table(found).to_pylist() == [
        {"outcome": "error", "episodes": 1, "fastest_s": None, "name": "tool", "size": 3},
        {"outcome": "success", "episodes": 2, "fastest_s": 0.025, "name": "tool", "size": 9},
    ]


def test_the_log_says_how_many_rows_a_file_has_and_where_its_ids_lie(delta, tmp_path):
    commit(delta, make(70, num_decisions=1))
    log = (tmp_path / "episodes/_delta_log/00000000000000000001.json").read_text()
    added = [json.loads(line)["add"] for line in log.splitlines() if "add" in json.loads(line)]
    assert json.loads(added[0]["stats"]) == {
        "numRecords": 70,
        "minValues": {
            "episode_id": random_episode(0).episode_id,
            "iteration": 1,
            "source": "collection",
            "num_decisions": 1,
        },
        "maxValues": {
            "episode_id": random_episode(69).episode_id,
            "iteration": 1,
            "source": "collection",
            "num_decisions": 1,
        },
        "nullCount": {},
    }


def test_a_versions_digest_is_of_its_files_whoever_committed_them_and_when(table, tmp_path):
    rows = make(4)
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
    commit(table, make(4))
    with pytest.raises(NotFoundError):
        table.digest(99)
