"""What is told of calls to a store."""

from pathlib import Path
from threading import get_ident

import pytest
from seaweed import Seaweed

from flywheel.core.errors import NotFoundError, RecordExistsError, StoreError, StoreUnavailableError
from flywheel.store import calls
from flywheel.store.calls import CallOutcome, Operation, hear, told
from flywheel.store.objects import Objects, open_objects
from flywheel.store.retries import Patience

Heard = list[tuple[Operation, CallOutcome]]


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Heard:
    """By this test alone, of what it does itself: threads that others left look at their stores still."""
    monkeypatch.setattr(calls, "_hearers", [])
    some: Heard = []
    here = get_ident()

    def note(operation: Operation, outcome: CallOutcome, seconds: float) -> None:
        assert seconds >= 0.0
        if get_ident() == here:
            some.append((operation, outcome))

    hear(note)
    return some


@pytest.fixture(params=["folder", "s3"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    return open_objects(str(tmp_path) if request.param == "folder" else request.getfixturevalue("s3_store"))


def test_every_call_is_told_of_by_what_it_does(objects: Objects, heard: Heard):
    objects.put("a", b"1")
    objects.put_if_absent("b", b"2")
    objects.get("a")
    objects.get_range("a", 0, 1)
    objects.open("a").close()
    list(objects.keys(""))
    objects.delete("a")
    ok = CallOutcome.OK
    puts, gets = [(Operation.PUT, ok)] * 2, [(Operation.GET, ok)] * 3
    assert heard == [*puts, *gets, (Operation.LIST, ok), (Operation.DELETE, ok)]


def test_that_something_is_there_or_not_is_an_answer(objects: Objects, heard: Heard):
    with pytest.raises(NotFoundError):
        objects.get("a")
    objects.delete("a")
    objects.put_if_absent("b", b"1")
    with pytest.raises(RecordExistsError):
        objects.put_if_absent("b", b"2")
    assert {outcome for _, outcome in heard} == {CallOutcome.OK}


def test_a_store_that_is_away_is_a_call_that_failed(fragile_seaweed: Seaweed, fragile_store: str, heard: Heard):
    objects = open_objects(fragile_store, patience=Patience(deadline_s=0.0))
    fragile_seaweed.kill()
    try:
        with pytest.raises(StoreUnavailableError):
            objects.get("a")
    finally:
        fragile_seaweed.start()
    assert heard == [(Operation.GET, CallOutcome.FAILED)]


def test_a_folder_that_is_none_any_more_is_a_call_that_failed(tmp_path: Path, heard: Heard):
    objects = open_objects(str(tmp_path / "store"))
    objects.put("a/b", b"1")
    with pytest.raises(StoreError):
        objects.put("a", b"1")
    assert heard[-1] == (Operation.PUT, CallOutcome.FAILED)


def test_who_answers_only_when_asked_again_is_told_apart(heard: Heard):
    for num_attempts in (1, 2):
        with told(Operation.LIST) as call:
            call.num_attempts = num_attempts
    assert heard == [(Operation.LIST, CallOutcome.OK), (Operation.LIST, CallOutcome.RETRIED)]


def test_where_nobody_listens_nothing_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(calls, "_hearers", [])
    with told(Operation.GET) as call:
        call.num_attempts += 1
    assert call.num_attempts == 1
