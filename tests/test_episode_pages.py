"""Pages of episodes, in memory and in real tables."""

import numpy as np
import pytest
from factories import crashed_episode, random_episode
from fakes import MemoryEpisodes

from flywheel.core.episode import Outcome, Source
from flywheel.store.episode_pages import newest_first
from flywheel.store.episode_rows import SCHEMA, SUMMARY_SCHEMA, rows
from flywheel.store.episodes import RANGED, DeltaEpisodes
from flywheel.store.folder import LocalFolder
from flywheel.store.objects import open_objects
from flywheel.store.tables import Table


@pytest.fixture(params=["memory", "folder", "s3"])
def table(request, tmp_path):
    if request.param == "memory":
        return MemoryEpisodes()
    store = str(tmp_path) if request.param == "folder" else request.getfixturevalue("s3_store")
    return DeltaEpisodes(objects=open_objects(store))


def commit(table, *groups, transaction="t"):
    return table.commit([table.write(group) for group in groups], transaction=transaction)


def make(numbers, **changes):
    return [random_episode(number, **changes) for number in numbers]


def whole(table, *, size, **wanted):
    """The seeds of every page, page by page."""
    pages, before = [], None
    while True:
        page = table.page(size=size, before=before, **wanted)
        pages.append([some.seed for some in page.summaries])
        if page.before is None:
            return pages
        before = page.before


def flat(pages):
    return [seed for page in pages for seed in page]


def test_pages_come_in_falling_order_whatever_the_files(table):
    # Three files whose ids lie between one another's, and one apart.
    commit(table, make(range(0, 90, 3)), make(range(1, 90, 3)), make(range(2, 90, 3)))
    commit(table, make(range(90, 100)), transaction="later")
    assert whole(table, size=40) == [list(range(99, 59, -1)), list(range(59, 19, -1)), list(range(19, -1, -1))]
    assert flat(whole(table, size=7)) == list(range(99, -1, -1))


def test_a_page_is_of_what_is_wanted(table):
    commit(
        table,
        make(range(4)),
        make(range(4, 8), task="suite/push", behaviour_policy="p0001", iteration=2),
        [random_episode(8, source=Source.UPLOAD, scored=False), crashed_episode(9)],
    )
    assert flat(whole(table, size=3, task="suite/push")) == [7, 6, 5, 4]
    assert flat(whole(table, size=3, behaviour_policy="p0000")) == [9, 8, 3, 2, 1, 0]
    assert flat(whole(table, size=3, iteration=2, task="suite/reach")) == []
    assert flat(whole(table, size=3, source=Source.UPLOAD)) == [8]
    assert flat(whole(table, size=3, outcome=Outcome.ERROR)) == [9]
    assert flat(whole(table, size=3, outcome=Outcome.UNSCORED, source=Source.UPLOAD)) == [8]


def test_a_page_that_ends_with_the_table_says_so(table):
    assert table.page(size=3).summaries == []
    commit(table, make(range(3)))
    page = table.page(size=3)
    assert ([some.seed for some in page.summaries], page.before) == ([2, 1, 0], None)
    assert table.page(size=2).before is not None
    assert table.page(size=2, before="0").summaries == []


def test_a_page_is_made_of_summaries(table):
    commit(table, [random_episode(1), crashed_episode(2)])
    assert list(table.page(size=5).summaries) == table.summaries()[::-1]


class CountingTable(Table):
    """Remembers which row groups were read."""

    def __init__(self, root):
        super().__init__(objects=LocalFolder(root=root), name="episodes", schema=SCHEMA, ranged=RANGED)
        self.read = []

    def group(self, key, index, *, columns):
        self.read.append(index)
        return super().group(key, index, columns=columns)


@pytest.fixture
def counting(tmp_path):
    return CountingTable(tmp_path)


def put(table, *groups):
    for episodes in groups:
        part = table.write(rows(episodes))
        table.commit([part], transaction=part.path)


def searched(table, *, size, enough_rows, **wanted):
    """The seeds of every page, page by page."""
    pages, before = [], None
    while True:
        found, before = newest_first(
            table, schema=SUMMARY_SCHEMA, size=size, before=before, wanted=wanted, enough_rows=enough_rows
        )
        pages.append(found["seed"].to_pylist())
        if before is None:
            return pages


def test_a_page_that_looks_for_what_is_rare_ends_before_it_has_looked_at_everything(counting):
    successes = np.zeros(5, bool)
    # Successes lie at the ends of row groups, so that none can be left out unread.
    put(counting, [random_episode(n, successes=successes | (n % 64 in (0, 63))) for n in range(512)])
    pages = searched(counting, size=3, enough_rows=128, outcome=str(Outcome.SUCCESS))
    expected = [n for n in reversed(range(512)) if n % 64 in (0, 63)]
    assert flat(pages) == expected
    assert [len(page) for page in pages[:2]] == [2, 2]


def test_a_page_gets_on_where_all_files_hold_the_same_range(counting):
    put(counting, *[make([number, 500 + number, 999 - number]) for number in range(5)])
    everything = sorted([*range(5), *range(500, 505), *range(995, 1000)], reverse=True)
    assert flat(searched(counting, size=2, enough_rows=1)) == everything
    assert flat(searched(counting, size=2, enough_rows=1, task="suite/push")) == []


def test_a_page_reads_few_row_groups_of_a_large_file(counting):
    put(counting, make(range(640)))
    newest, _ = newest_first(counting, schema=SUMMARY_SCHEMA, size=50, before=None, wanted={})
    assert newest["seed"].to_pylist() == list(range(639, 589, -1))
    assert counting.read == [9]
    before = random_episode(320).episode_id
    middle, _ = newest_first(counting, schema=SUMMARY_SCHEMA, size=5, before=before, wanted={})
    assert middle["seed"].to_pylist() == [319, 318, 317, 316, 315]
    assert counting.read == [9, 4]
