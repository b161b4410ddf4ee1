"""Attempts of two processes on the same records."""

from threading import Event, Thread

import pytest
from fakes import MemoryRecords

from flywheel.core.delivery import attempts_of, delivery_key
from flywheel.service.attempts import Attempts

LONG_S = 3600.0


@pytest.fixture
def records():
    return MemoryRecords()


def process(records, *, grace_s=LONG_S, stopped=None):
    return Attempts(
        webhook="ci", records=records, grace_s=grace_s, stopped=stopped or Event(), now=lambda: "2026-01-05T09:00:00Z"
    )


def test_who_is_alone_attempts_as_often_as_it_must_and_waits_for_nobody(records):
    alone = process(records)
    assert [alone.take(entry) for entry in (3, 3, 3, 7)] == [True] * 4
    assert records.keys("attempts/") == [
        *(f"attempts/ci/00000003/{number:06d}" for number in (1, 2, 3)),
        "attempts/ci/00000007/000001",
    ]


def test_while_one_attempts_the_other_waits_until_it_is_delivered(records):
    assert process(records).take(3)
    answers = []
    other = Thread(target=lambda: answers.append(process(records).take(3)))
    other.start()
    records.write(delivery_key("ci", 3), {})
    other.join(30.0)
    assert answers == [False]
    assert len(records.keys(attempts_of("ci", 3))) == 1


def test_of_those_who_find_an_old_attempt_one_makes_the_next(records):
    for number in (1, 2):
        records.write(f"{attempts_of('ci', 3)}{number:06d}", {"at": "long ago"})
    assert process(records, grace_s=0.01).take(3)
    assert records.keys(attempts_of("ci", 3))[-1].endswith("/000003")


def test_an_attempt_that_a_repair_took_away_is_no_gap(records):
    records.write(f"{attempts_of('ci', 3)}000001", {"at": "long ago"})
    records.write(f"{attempts_of('ci', 3)}000003", {"at": "long ago"})
    assert process(records, grace_s=0.01).take(3)
    assert records.keys(attempts_of("ci", 3))[-1].endswith("/000004")


def test_who_is_told_to_stop_attempts_nothing(records):
    stopped = Event()
    assert process(records).take(3)
    waiting = process(records, stopped=stopped)
    answers = []
    thread = Thread(target=lambda: answers.append(waiting.take(3)))
    thread.start()
    stopped.set()
    thread.join(30.0)
    assert answers == [False]
    assert not waiting.take(4)
    assert records.keys(attempts_of("ci", 4)) == []
