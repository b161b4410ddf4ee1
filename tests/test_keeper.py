"""The keeper with hosts that are a line of Python."""

import os
import sys
import time
from pathlib import Path
from threading import Event, Thread

from flywheel.hosting.keeper import MAX_DEATHS, keep

DEADLINE_S = 60.0


def host(tmp_path: Path, then: str) -> list[str]:
    """It notes that it lived."""
    return [
        sys.executable,
        "-c",
        f"import os, time; open(os.path.join({str(tmp_path)!r}, str(os.getpid())), 'x'); {then}",
    ]


def lives(tmp_path: Path) -> list[int]:
    return [int(path.name) for path in tmp_path.iterdir()]


def test_a_host_that_ends_by_itself_is_not_started_again(tmp_path: Path):
    assert keep(host(tmp_path, "pass"), over=Event()) == 0
    assert len(lives(tmp_path)) == 1


def test_one_that_dies_is_followed_by_another_until_that_is_no_accident(tmp_path: Path):
    assert keep(host(tmp_path, "os._exit(9)"), over=Event()) == 1
    assert len(lives(tmp_path)) == MAX_DEATHS


def test_when_it_is_over_the_host_is_told(tmp_path: Path):
    over = Event()
    thread = Thread(target=keep, args=(host(tmp_path, "time.sleep(600)"),), kwargs={"over": over})
    thread.start()
    deadline = time.monotonic() + DEADLINE_S
    while not lives(tmp_path):
        assert time.monotonic() < deadline
        thread.join(0.01)
    (pid,) = lives(tmp_path)
    over.set()
    thread.join(DEADLINE_S)
    assert not thread.is_alive()
    assert not os.path.exists(f"/proc/{pid}")
