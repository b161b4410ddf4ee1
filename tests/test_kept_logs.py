"""Logs on their way to a store that is there, away, slow to be back, or full of them."""

import json
import logging
from datetime import datetime
from threading import Event

import pytest

from flywheel.core.errors import StoreUnavailableError
from flywheel.logs.about import about
from flywheel.logs.kept import KeptLogs
from flywheel.store.logs import ObjectLogs
from flywheel.store.objects import open_objects

WITHIN_S = 60.0
log = logging.getLogger("flywheel.tests")


class FragileLogs(ObjectLogs):
    """Away until it is back."""

    def __init__(self, *, root) -> None:
        super().__init__(objects=open_objects(str(root)))
        self.back, self.tried = Event(), Event()
        self.appends = 0

    def append(self, iteration: int, lines: bytes, *, at: datetime) -> None:
        self.tried.set()
        if not self.back.is_set():
            raise StoreUnavailableError("away")
        self.appends += 1
        super().append(iteration, lines, at=at)


@pytest.fixture
def logs(tmp_path) -> FragileLogs:
    logs = FragileLogs(root=tmp_path)
    logs.back.set()
    return logs


def keeping(logs: ObjectLogs, **changes) -> KeptLogs:
    return KeptLogs(logs=logs, process="tester", **({"flush_s": 30.0, "again_s": 0.01} | changes))


def said(logs: ObjectLogs, iteration: int = 3) -> list[str]:
    return [line.message for line in logs.page(iteration, size=10_000).lines]


def test_what_is_logged_about_iterations_is_kept_together_and_in_order(logs, tmp_path):
    with keeping(logs) as kept:
        log.info("about nothing")
        with about(iteration=3, stage="train"):
            for number in range(20):
                log.info("line %d", number)
        with about(iteration=4):
            log.info("another")
        assert kept.settle(within_s=WITHIN_S)
        assert logs.appends == 2
    assert said(logs) == [f"line {number}" for number in range(20)]
    assert said(logs, 4) == ["another"]
    (line, *_) = logs.page(3, size=1).lines
    assert (line.iteration, line.stage, line.process) == (3, "train", "tester")
    with about(iteration=3):
        log.info("after the block")
    assert len(said(logs)) == 20


def test_it_is_written_without_being_asked_to(logs):
    written = Event()
    logs.append = lambda *given, **named: (ObjectLogs.append(logs, *given, **named), written.set())
    with keeping(logs, flush_s=0.01), about(iteration=3):
        log.info("hello")
        assert written.wait(WITHIN_S)
    assert said(logs) == ["hello"]


def test_while_the_store_is_away_lines_wait_and_what_does_not_fit_is_counted(logs):
    logs.back.clear()
    with keeping(logs, flush_s=0.01, max_waiting_bytes=2_000) as kept, about(iteration=3):
        for number in range(100):
            log.info("line %d", number)
        assert logs.tried.wait(WITHIN_S)
        assert not kept.settle(within_s=0.05)
        logs.back.set()
        assert kept.settle(within_s=WITHIN_S)
        log.info("it is back")
    found = said(logs)
    kept_lines = [message for message in found if message.startswith("line")]
    assert 5 < len(kept_lines) < 20
    assert kept_lines == [f"line {number}" for number in range(len(kept_lines))]
    assert f"{100 - len(kept_lines)} lines were dropped here: the store was away for too long" in found
    assert found[-1] == "it is back"


def test_of_one_iteration_no_more_is_kept_than_the_bound_whoever_logs(logs):
    for _ in range(3):
        with keeping(logs, max_iteration_bytes=5_000) as kept:
            for iteration in (3, 4):
                with about(iteration=iteration):
                    for number in range(10 if iteration == 4 else 100):
                        log.info("line %d", number)
            assert kept.settle(within_s=WITHIN_S)
    assert logs.num_bytes(3) < 6_000
    found = said(logs)
    assert found[:5] == [f"line {number}" for number in range(5)]
    assert found[-1] == "of this iteration no more than 5000 bytes are kept"
    assert len([message for message in said(logs, 4) if message.startswith("line")]) >= 20


def test_two_that_log_at_once_overwrite_nothing(logs, tmp_path):
    first, second = keeping(logs), KeptLogs(logs=FragileLogs(root=tmp_path), process="other", again_s=0.01)
    second._logs.back.set()
    with first, second, about(iteration=3):
        for number in range(10):
            log.info("line %d", number)
            first.settle(within_s=WITHIN_S)
            second.settle(within_s=WITHIN_S)
    assert sorted(said(logs)) == sorted(2 * [f"line {number}" for number in range(10)])


def test_what_cannot_be_formatted_disturbs_nobody(logs, capsys):
    with keeping(logs) as kept, about(iteration=3):
        kept.handle(logging.LogRecord("flywheel", logging.INFO, "some.py", 1, "%d", ("no number",), None))
        log.info("a number")
    assert said(logs) == ["a number"]
    assert "Logging error" in capsys.readouterr().err


def test_lines_are_json(logs, tmp_path):
    with keeping(logs), about(iteration=3):
        log.warning("hello")
    (path,) = tmp_path.rglob("*.jsonl")
    assert path.parent == tmp_path / "logs/iterations/0003"
    assert json.loads(path.read_text())["message"] == "hello"
