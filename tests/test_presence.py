"""Signs of life between processes, on a real folder."""

import subprocess
import sys

import pytest
from told import Clock

from flywheel import presence
from flywheel.core.errors import StoreUnavailableError
from flywheel.presence import StoredPresence
from flywheel.store import layout
from flywheel.store.folder import LocalFolder

OWNER = "process 1 on host a"
ELSEWHERE = """
import sys
from flywheel.presence import StoredPresence
from flywheel.store.folder import LocalFolder

with StoredPresence(objects=LocalFolder(root=sys.argv[1]), owner=sys.argv[2]).shown():
    print("shown", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def objects(tmp_path):
    return LocalFolder(root=str(tmp_path))


def watching(objects, clock=None):
    return StoredPresence(objects=objects, owner="process 2 on host b", gone_after_s=20.0, clock=clock or Clock())


def test_who_never_said_anything_is_not_there(objects):
    assert not watching(objects).lives(OWNER)
    assert watching(objects).left(OWNER)


def test_who_shows_itself_is_there_and_leaves_nothing(objects):
    watcher = watching(objects)
    with StoredPresence(objects=objects, owner=OWNER).shown():
        assert watcher.lives(OWNER)
        assert not watcher.lives("process 3 on host c")
    assert not watcher.lives(OWNER)
    assert list(objects.keys("")) == []


def test_it_gives_sign_after_sign_also_when_the_store_was_away(objects, monkeypatch):
    put, beats = objects.put, []

    def stumbling(key, data):
        beats.append(data)
        if len(beats) == 2:
            raise StoreUnavailableError("away")
        put(key, data)

    monkeypatch.setattr(objects, "put", stumbling)
    shown = StoredPresence(objects=objects, owner=OWNER, beat_s=0.01).shown()
    with shown:
        while objects.get(layout.presence(OWNER)) in beats[:2]:
            pass
    assert len(set(beats)) == len(beats)


def test_who_gives_no_sign_for_long_is_gone_by_the_watchers_own_clock(objects):
    clock = Clock()
    watcher, far = watching(objects, clock), StoredPresence(objects=objects, owner=OWNER, beat_s=3600.0)
    with far.shown():
        assert watcher.lives(OWNER)
        clock.now += 19.0
        assert watcher.lives(OWNER)
        far._beat(1)
        clock.now += 19.0
        assert watcher.lives(OWNER)
        clock.now += 20.0
        assert not watcher.lives(OWNER)
        far._beat(2)
        assert watcher.lives(OWNER)


def test_while_the_store_is_away_nobody_can_give_a_sign(objects, monkeypatch):
    clock = Clock()
    watcher = watching(objects, clock)

    def away(key):
        raise StoreUnavailableError("away")

    with StoredPresence(objects=objects, owner=OWNER, beat_s=3600.0).shown():
        assert watcher.lives(OWNER)
        with monkeypatch.context() as patch:
            patch.setattr(objects, "get", away)
            with pytest.raises(StoreUnavailableError):
                watcher.lives(OWNER)
        clock.now += 30.0
        assert watcher.lives(OWNER)
        clock.now += 20.0
        assert not watcher.lives(OWNER)


def test_whose_process_ended_on_this_machine_is_gone_at_once_and_elsewhere_after_a_while(
    objects, tmp_path, monkeypatch
):
    command = [sys.executable, "-c", ELSEWHERE, str(tmp_path), OWNER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"shown\n"
        watcher = watching(objects)
        assert watcher.lives(OWNER)
        process.kill()
    assert not watcher.lives(OWNER)
    assert not watcher.left(OWNER)
    monkeypatch.setattr(presence, "_place", lambda: "another machine")
    assert watching(objects).lives(OWNER)


def test_what_is_left_of_one_that_is_gone_is_taken_away(objects):
    StoredPresence(objects=objects, owner=OWNER)._beat(0)
    watching(objects).forget(OWNER)
    watching(objects).forget(OWNER)
    assert list(objects.keys("")) == []


def test_that_the_store_is_away_ends_nothing_that_was_done(objects, monkeypatch):
    def away(key):
        raise StoreUnavailableError("away")

    with StoredPresence(objects=objects, owner=OWNER).shown():
        monkeypatch.setattr(objects, "delete", away)
    assert watching(objects).lives(OWNER)
