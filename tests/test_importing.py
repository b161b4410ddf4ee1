from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from factories import content, random_episode
from fakes import MemoryEpisodes, MemoryRecords
from trading import REACH, admission

from flywheel.core.episode import Source
from flywheel.core.errors import ConfigError
from flywheel.exchange.found import Found
from flywheel.exchange.importing import EPISODES_PER_PART, due_iteration, import_episodes

FILE = Path("mine.parquet")


def found(number, **changes):
    """What a file says of a random episode."""
    made = random_episode(number)
    values = {
        name: getattr(made, name)
        for name in ("task", "observations", "actions", "rewards", "successes", "terminated", "facts", "seed", "error")
    }
    return Found(**({"origin": f"{FILE}: row {number}", **values} | changes))


class Desk:
    """A store that files are imported into."""

    def __init__(self):
        self.episodes, self.records = MemoryEpisodes(), MemoryRecords()

    def bring(self, *some, **changes):
        values = {
            "admission": admission(),
            "episodes": self.episodes,
            "records": self.records,
            "origin": FILE,
            "file_format": "parquet",
        }
        return import_episodes(partial(iter, some), **(values | changes))


@pytest.fixture
def desk():
    return Desk()


def test_episodes_become_uploads_in_one_transaction(desk):
    done = desk.bring(found(0), found(1), found(2, task="suite/push"))
    assert (done.added, done.repeated, done.crashed) == ({REACH: 2, "suite/push": 1}, 0, 0)
    assert desk.episodes.committed(done.transaction) == done.episodes_version == 1
    assert {episode.source for episode in desk.episodes.summaries()} == {Source.UPLOAD}


def test_the_same_episodes_are_added_once_in_whichever_order_and_file(desk):
    first = desk.bring(found(0), found(1))
    before = [content(episode) for episode in desk.episodes.read()]
    again = desk.bring(found(1, origin="copy.parquet: row 0"), found(0), admission=admission(iteration=8))
    assert (again.transaction, again.episodes_version) == (first.transaction, first.episodes_version)
    assert (again.added, again.repeated) == ({}, 2)
    assert [content(episode) for episode in desk.episodes.read()] == before


def test_a_file_that_has_grown_adds_what_is_new(desk):
    desk.bring(found(0), found(1))
    done = desk.bring(found(0), found(1), found(2))
    assert (done.added, done.repeated) == ({REACH: 1}, 2)
    assert sorted(episode.seed for episode in desk.episodes.summaries()) == [0, 1, 2]


def test_a_part_of_what_is_there_changes_nothing(desk):
    desk.bring(found(0), found(1))
    done = desk.bring(found(1))
    assert (done.added, done.repeated, done.episodes_version) == ({}, 1, None)
    assert desk.episodes.committed(done.transaction) is None


def test_an_episode_that_is_twice_in_a_file_is_added_once(desk):
    done = desk.bring(found(0), found(0))
    assert (done.added, done.repeated) == ({REACH: 1}, 1)
    assert desk.bring(found(0)).transaction == done.transaction


def test_two_imports_at_once_never_give_one_id_twice(desk):
    class Late(MemoryEpisodes):
        """Sees nothing of the other import before it commits."""

        def summaries(self, **changes):
            return []

    late = Late()
    late._parts, late._commits = desk.episodes._parts, desk.episodes._commits
    desk.bring(found(0), found(1))
    desk.bring(found(0), found(2), episodes=late)
    ids = [episode.episode_id for episode in desk.episodes.summaries()]
    assert len(ids) == len(set(ids)) == 4


def test_nothing_is_written_when_anything_is_wrong(desk):
    bad = np.full((5, 4), 2.0)
    with pytest.raises(ConfigError) as refused:
        desk.bring(found(0), found(1, actions=bad), found(2), found(3, task="suite/fly"))
    lines = str(refused.value).splitlines()
    assert lines[0] == "mine.parquet: 2 episode(s) to correct; nothing was imported:"
    assert lines[1].startswith("  mine.parquet: row 1: actions: 2 at decision 0")
    assert lines[2].startswith("  mine.parquet: row 3: the store has no task suite/fly")
    assert len(lines) == 3
    assert desk.episodes._parts == {}
    assert desk.records.keys("") == []


def test_of_many_wrong_ones_the_first_are_listed(desk):
    with pytest.raises(ConfigError) as refused:
        desk.bring(*(found(number, task=None) for number in range(13)))
    assert str(refused.value).splitlines()[0].startswith("mine.parquet: 13 episode(s)")
    assert str(refused.value).splitlines()[11:] == ["  ... and 3 more"]


def test_crashed_episodes_are_left_out_and_counted(desk):
    done = desk.bring(found(0), found(1, error="the simulator raised"))
    assert (done.added, done.crashed) == ({REACH: 1}, 1)


@pytest.mark.parametrize("some", [[], [found(0, error="raised")]])
def test_a_file_without_episodes_is_refused(desk, some):
    with pytest.raises(ConfigError, match=r"mine\.parquet: holds no episodes"):
        desk.bring(*some)


def test_a_file_that_changes_in_between_is_noticed(desk):
    looks = iter([[found(0)], [found(1)]])
    with pytest.raises(ConfigError, match="row 1: changed while it was imported; nothing was imported"):
        import_episodes(
            lambda: iter(next(looks)),
            admission=admission(),
            episodes=desk.episodes,
            records=desk.records,
            origin=FILE,
            file_format="parquet",
        )
    assert desk.episodes.summaries() == []


def test_many_episodes_take_several_parts_and_one_transaction(desk):
    some = [replace(found(0), seed=seed) for seed in range(EPISODES_PER_PART + 1)]
    assert desk.bring(*some).episodes_version == 1
    assert len(desk.episodes._parts) == 2
    assert len(desk.episodes.summaries()) == EPISODES_PER_PART + 1


def test_a_record_says_where_uploads_came_from(desk):
    done = desk.bring(found(0), found(1, task="suite/push"))
    (key,) = desk.records.keys("uploads/")
    record = desk.records.read(key)
    assert datetime.fromisoformat(record["at"]).tzinfo is UTC
    assert record == {
        "at": record["at"],
        "transaction": done.transaction,
        "episodes_version": 1,
        "format": "parquet",
        "origin": "mine.parquet",
        "tasks": {REACH: 1, "suite/push": 1},
        "outcomes": {some.task: {some.outcome: 1} for some in desk.episodes.summaries()},
    }
    desk.bring(found(1, task="suite/push"), found(0), origin=Path("copy.parquet"))
    assert desk.records.read(key)["origin"] == "mine.parquet"


def test_an_import_that_died_before_its_record_writes_it_when_repeated(desk):
    done = desk.bring(found(0))
    fresh = MemoryRecords()
    desk.bring(found(0), records=fresh)
    assert fresh.read(fresh.keys("uploads/")[0])["transaction"] == done.transaction


@pytest.mark.parametrize(
    ("keys", "due"),
    [
        ([], 0),
        (["iterations/0000/ingest"], 0),
        (["iterations/0000/ingest", "iterations/0000/relabel"], 1),
        (["iterations/0000/deploy", "iterations/0001/collect"], 1),
        (["iterations/0009/relabel", "iterations/0010/collect", "iterations/0010/relabel", "final/0010"], 11),
    ],
)
def test_what_is_imported_is_due_in_the_first_iteration_that_has_not_relabelled(keys, due):
    records = MemoryRecords()
    for key in keys:
        records.write(key, {})
    assert due_iteration(records) == due
