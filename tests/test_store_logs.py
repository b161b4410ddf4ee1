"""Logs in a store, page by page."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from flywheel.core.errors import ConfigError, StoreError
from flywheel.core.log_line import Level
from flywheel.store import logs as stored
from flywheel.store.logs import ObjectLogs
from flywheel.store.objects import open_objects

BEGAN = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)


def line(number: int, **changes) -> dict:
    return {"time": "t", "level": "info", "logger": "some", "message": f"line {number}", "iteration": 3, **changes}


def encoded(lines) -> bytes:
    return "".join(json.dumps(one) + "\n" for one in lines).encode()


@pytest.fixture
def logs(tmp_path):
    return ObjectLogs(objects=open_objects(str(tmp_path)))


def filled(logs: ObjectLogs, *, objects: int = 4, each: int = 3) -> list[str]:
    for number in range(objects):
        lines = [line(number * each + index) for index in range(each)]
        logs.append(3, encoded(lines), at=BEGAN + timedelta(microseconds=number))
    return [f"line {number}" for number in range(objects * each)]


def walked(logs: ObjectLogs, **wanted):
    after, found, sizes = None, [], []
    while True:
        page = logs.page(3, after=after, **wanted)
        found += [one.message for one in page.lines]
        sizes.append(len(page.lines))
        after = page.after
        if after is None:
            return found, sizes


@pytest.mark.parametrize("size", [1, 2, 3, 5, 12, 100])
def test_pages_hold_every_line_once_and_in_order(logs, size):
    expected = filled(logs)
    found, sizes = walked(logs, size=size)
    assert found == expected
    assert max(sizes) <= size
    assert sizes[-1] > 0


def test_no_page_looks_at_more_than_so_many_objects(logs, monkeypatch):
    monkeypatch.setattr(stored, "OBJECTS_PER_PAGE", 2)
    expected = filled(logs, objects=7)
    found, sizes = walked(logs, size=100)
    assert found == expected
    assert sizes == [6, 6, 6, 3]
    assert walked(logs, size=100, level=Level.ERROR) == ([], [0, 0, 0, 0])


def test_the_last_page_grows(logs):
    filled(logs)
    assert (len(logs.page(3, size=100).lines), logs.page(3, size=100).after) == (12, None)
    page = logs.page(3, size=10)
    assert len(logs.page(3, size=10, after=page.after).lines) == 2
    logs.append(3, encoded([line(99)]), at=BEGAN + timedelta(seconds=1))
    assert [one.message for one in logs.page(3, size=10, after=page.after).lines] == ["line 10", "line 11", "line 99"]


def test_lines_are_chosen_by_level_and_stage(logs):
    lines = [
        line(0, stage="collect"),
        line(1, stage="collect", level="warning"),
        line(2, stage="train", level="error"),
        line(3),
    ]
    logs.append(3, encoded(lines), at=BEGAN)
    assert walked(logs, size=1, level=Level.WARNING)[0] == ["line 1", "line 2"]
    assert walked(logs, size=1, stage="collect")[0] == ["line 0", "line 1"]
    assert walked(logs, size=1, stage="collect", level=Level.ERROR)[0] == []
    assert logs.page(4, size=10).lines == []
    assert (logs.num_bytes(3), logs.num_bytes(4)) == (len(encoded(lines)), 0)


def test_the_same_again_is_nothing_new_and_anything_else_is_beside_it(logs, tmp_path):
    for number in (1, 1, 2):
        logs.append(3, encoded([line(number)]), at=BEGAN)
    assert len(list(tmp_path.rglob("*.jsonl"))) == 2


def test_what_was_changed_since_is_refused(logs, tmp_path):
    logs.append(3, encoded([line(1)]), at=BEGAN)
    (path,) = tmp_path.rglob("*.jsonl")
    path.write_bytes(encoded([line(2)]))
    with pytest.raises(StoreError, match=r"logs/iterations/0003/.*jsonl: damaged: its digest"):
        logs.page(3, size=1)


def test_what_was_deleted_since_is_passed_over(logs, tmp_path):
    filled(logs)
    page = logs.page(3, size=4)
    for path in sorted(tmp_path.rglob("*.jsonl"))[:3]:
        path.unlink()
    assert [one.message for one in logs.page(3, size=4, after=page.after).lines] == ["line 9", "line 10", "line 11"]


@pytest.mark.parametrize("after", ["", "name", "name/x", "/"])
def test_what_is_no_place_is_refused(logs, after):
    with pytest.raises(ConfigError, match="no place in a log"):
        logs.page(3, size=1, after=after)
