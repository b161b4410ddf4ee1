"""What lines are about, and lines themselves."""

import json
import logging
import sys
from threading import Thread

import pytest

from flywheel.core.log_line import Level, LogLine
from flywheel.logs.about import about, known, turn_to
from flywheel.logs.lines import JsonLines, in_words, readable


@pytest.fixture(autouse=True)
def nothing_is_known():
    yield
    turn_to()


def made(message="hello", *arguments, level=logging.INFO, failure=None) -> logging.LogRecord:
    return logging.LogRecord("flywheel.some", level, "some.py", 1, message, arguments, failure)


def line_of(record: logging.LogRecord) -> dict:
    return json.loads(JsonLines(process="tester").encoded(record))


def test_a_line_says_when_who_and_what():
    line = line_of(made("%d of %s", 3, "five", level=logging.WARNING))
    assert line.pop("time").endswith("Z")
    assert line.pop("pid") > 0
    assert line == {"level": "warning", "logger": "flywheel.some", "message": "3 of five", "process": "tester"}


def test_a_line_says_what_its_thread_works_on():
    turn_to(iteration=3, stage="train")
    with about(episode="e1", policy_version="policy-0002"):
        line = line_of(made())
    assert (line["iteration"], line["stage"]) == (3, "train")
    assert (line["episode"], line["policy_version"]) == ("e1", "policy-0002")
    assert "episode" not in line_of(made())
    turn_to(iteration=4)
    assert known() == {"iteration": 4}
    elsewhere = []
    thread = Thread(target=lambda: elsewhere.append(known()))
    thread.start()
    thread.join()
    assert elsewhere == [{}]


def test_whatever_is_said_stays_one_line():
    data = JsonLines(process="tester").encoded(made("a\nb\r\u2028 \udcff é"))
    assert data.count(b"\n") == 1
    assert json.loads(data)["message"] == "a\nb\r\u2028 \udcff é"
    assert len(data.splitlines()) == 1


def test_an_error_brings_its_traceback():
    try:
        raise ValueError("so it is")
    except ValueError:
        line = line_of(made(failure=sys.exc_info()))
    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith("ValueError: so it is")
    assert in_words(LogLine.of(line)).endswith("ValueError: so it is")


def test_a_line_is_read_as_it_was_written_and_what_is_new_is_passed_over():
    turn_to(iteration=3, stage="train", policy_version="policy-0003")
    plain = line_of(made("train begins"))
    line = LogLine.of({**plain, "colour": "blue"})
    assert (line.level, line.iteration, line.message) == (Level.INFO, 3, "train begins")
    # What the message says is not said again.
    assert in_words(line) == f"{line.time[11:19]}  info     train begins  (policy-0003)"
    assert readable(json.dumps(plain)) == in_words(line)
    for other in ("Ray says something", "3", '{"message": 1}', '{"time": "x", "level": "loud", "message": ""}'):
        assert readable(other) == other


def test_levels_are_in_order():
    assert Level.ERROR.reaches(Level.WARNING)
    assert Level.WARNING.reaches(Level.WARNING)
    assert not Level.INFO.reaches(Level.WARNING)
