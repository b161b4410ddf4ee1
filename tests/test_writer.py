import multiprocessing
import os
import socket
from datetime import UTC, datetime, timedelta

from flywheel.store.writer import Writer, this_process


def test_a_process_is_always_the_same_writer():
    assert this_process() == this_process()
    assert (this_process().host, this_process().pid) == (socket.gethostname(), os.getpid())


def test_it_says_since_when():
    started_at = datetime.fromisoformat(this_process().started_at)
    assert datetime.now(UTC) - timedelta(days=1) < started_at <= datetime.now(UTC)


def test_a_writer_is_read_as_it_was_written():
    assert Writer.of(this_process().plain()) == this_process()


def test_another_process_is_another_writer():
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(this_process).pid not in (os.getpid(), 0)


def test_people_read_it_as_a_phrase():
    writer = Writer(host="lab-3", pid=123, started_at="2026-01-02T03:04:05.678Z")
    assert str(writer) == "process 123 on host lab-3, started 2026-01-02T03:04:05.678Z"
