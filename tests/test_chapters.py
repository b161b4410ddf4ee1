"""Chapters of four entries: who starts reads them instead of the entries, and nothing else is different."""

import logging
from functools import partial

import pytest
from chronicles import ticking
from fakes import MemoryRecords

from flywheel.core.commands import iterations
from flywheel.core.entry import chapter_key, entry_key
from flywheel.core.errors import NewerSchemaError, StoreError, StoreUnavailableError
from flywheel.store.chronicle import RecordedChronicle

ASK = partial(iterations.request, by="token:a", overrides={"train": {"num_updates": 3}}, max_queued=99)


class Watched(MemoryRecords):
    """Counts what is read; fails for the keys that the test names."""

    def __init__(self):
        super().__init__()
        self.read_keys, self.failures = [], {}

    def read(self, key):
        self.read_keys.append(key)
        if key in self.failures:
            raise self.failures[key]
        return super().read(key)

    def write(self, key, record):
        if key in self.failures:
            raise self.failures[key]
        super().write(key, record)


@pytest.fixture
def records():
    return Watched()


def process(records):
    return RecordedChronicle(records=records, clock=ticking(), chapter=4)


def asked(records, times):
    chronicle = process(records)
    for _ in range(times):
        chronicle.append(ASK)
    return chronicle.control().entries


def lose(records, key):
    del records._records[key]


def test_who_starts_reads_chapters_and_then_the_entries_after_them(records):
    entries = asked(records, 10)
    assert records.keys("chapters/") == [chapter_key(0), chapter_key(4)]
    records.read_keys.clear()
    assert process(records).control().entries == entries
    assert records.read_keys == [
        *(chapter_key(first) for first in (0, 4, 8)),
        *(entry_key(number) for number in (7, 8, 9, 10)),
    ]


def test_who_goes_on_reads_no_chapter(records):
    chronicle, other = process(records), process(records)
    chronicle.append(ASK)
    other.control()
    for _ in range(8):
        chronicle.append(ASK)
    records.read_keys.clear()
    assert other.control().entries == chronicle.control().entries
    assert not any(key.startswith("chapters/") for key in records.read_keys)
    # It finds the chapters that the other wrote, and writes the one that is due next.
    for _ in range(3):
        other.append(ASK)
    assert records.keys("chapters/") == [chapter_key(0), chapter_key(4), chapter_key(8)]


def test_a_chapter_whose_author_died_is_written_by_who_appends_next(records):
    entries = asked(records, 9)
    lose(records, chapter_key(0))
    lose(records, chapter_key(4))
    chronicle = process(records)
    assert chronicle.control().entries == entries
    assert records.keys("chapters/") == []
    chronicle.append(ASK)
    assert records.keys("chapters/") == [chapter_key(0), chapter_key(4)]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda records: lose(records, chapter_key(4)),
        lambda records: records.failures.update({chapter_key(4): StoreError("damaged")}),
        lambda records: records.failures.update({chapter_key(4): NewerSchemaError("of a newer one")}),
        lambda records: rewrite(records, {"entries": [{"number": 4}]}),
        lambda records: rewrite(records, {"entries": records.read(chapter_key(0))["entries"]}),
        lambda records: rewrite(records, {}),
    ],
    ids=["lost", "damaged", "newer", "no entry", "another's", "empty"],
)
def test_a_chapter_that_cannot_be_read_costs_time_and_nothing_else(records, spoil):
    entries = asked(records, 13)
    spoil(records)
    assert process(records).control().entries == entries


def rewrite(records, content):
    lose(records, chapter_key(4))
    records.write(chapter_key(4), content)


def test_chapters_of_another_history_are_not_read(records, caplog):
    entries = asked(records, 10)
    for number in range(6, 10):
        lose(records, entry_key(number))
    with caplog.at_level(logging.WARNING):
        assert process(records).control().entries == entries[:6]
    assert "the chapters tell of another history" in caplog.text


def test_a_store_that_is_away_is_no_damage(records):
    asked(records, 5)
    records.failures[chapter_key(0)] = StoreUnavailableError("away")
    with pytest.raises(StoreUnavailableError):
        process(records).control()


def test_an_entry_counts_though_its_chapter_cannot_be_written(records, caplog):
    chronicle = process(records)
    records.failures[chapter_key(0)] = StoreError("no space")
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            chronicle.append(ASK)
    assert len(chronicle.control().entries) == 5
    assert "no chapter from entry 0 on: no space" in caplog.text
