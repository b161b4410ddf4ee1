import pytest
from builders import make_episode
from filming import PATIENCE_S, SlowMaker

from flywheel.core.errors import (
    ConflictError,
    FilmingBusyError,
    FilmingError,
    OtherReplayError,
    StoreUnavailableError,
)
from flywheel.filming.darkroom import PROBLEM_KEPT_S, Darkroom, Filming, FilmingState
from flywheel.store.objects import LocalFolder
from flywheel.store.videos import ObjectVideos

QUEUED = Filming(state=FilmingState.QUEUED)


class Shelf(ObjectVideos):
    """May refuse what is to be saved."""

    failure = None

    def save(self, episode_id, data):
        if self.failure is not None:
            raise self.failure
        super().save(episode_id, data)


@pytest.fixture
def shelf(tmp_path):
    return Shelf(objects=LocalFolder(root=tmp_path))


@pytest.fixture
def maker():
    made = SlowMaker()
    yield made
    made.let.set()


def darkroom_of(maker, shelf, **changes):
    return Darkroom(**({"maker": maker, "videos": shelf, "capacity": 2} | changes))


def named(name):
    return make_episode(episode_id=name)


def stored(shelf, name):
    return shelf.read(name, start=0, length=1000)


def test_a_video_is_made_once_and_its_progress_is_known_meanwhile(maker, shelf):
    darkroom = darkroom_of(maker, shelf)
    darkroom.ask(named("a"))
    assert maker.shown.wait(PATIENCE_S)
    assert darkroom.ask(named("a")) == Filming(state=FilmingState.RENDERING, done=1, total=2)
    maker.let.set()
    darkroom.join(PATIENCE_S)
    assert stored(shelf, "a") == b"video of a"
    assert maker.filmed == ["a"]


def test_one_is_made_at_a_time_in_the_order_in_which_they_were_asked_for(maker, shelf):
    darkroom = darkroom_of(maker, shelf)
    darkroom.ask(named("b"))
    assert maker.shown.wait(PATIENCE_S)
    assert darkroom.ask(named("a")) == QUEUED
    assert darkroom.ask(named("a")) == QUEUED
    maker.let.set()
    darkroom.join(PATIENCE_S)
    assert maker.filmed == ["b", "a"]
    assert [stored(shelf, name) for name in "ab"] == [b"video of a", b"video of b"]


def test_no_more_wait_than_may(maker, shelf):
    darkroom = darkroom_of(maker, shelf)
    darkroom.ask(named("a"))
    assert darkroom.has_room
    darkroom.ask(named("b"))
    assert not darkroom.has_room
    with pytest.raises(FilmingBusyError, match="2 videos"):
        darkroom.ask(named("c"))
    assert darkroom.ask(named("b")) == QUEUED
    maker.let.set()
    darkroom.join(PATIENCE_S)
    assert darkroom.ask(named("c")) == QUEUED
    darkroom.join(PATIENCE_S)


def test_what_cannot_be_shown_is_refused_before_any_work(maker, shelf):
    maker.refused = ConflictError("no decisions")
    with pytest.raises(ConflictError, match="no decisions"):
        darkroom_of(maker, shelf).ask(named("a"))
    assert maker.filmed == []


def test_why_a_video_could_not_be_made_is_remembered_for_a_while(maker, shelf):
    now = [0.0]
    maker.failure = OtherReplayError("ended otherwise")
    maker.let.set()
    darkroom = darkroom_of(maker, shelf, clock=lambda: now[0])
    darkroom.ask(named("a"))
    darkroom.join(PATIENCE_S)
    now[0] = PROBLEM_KEPT_S - 1
    with pytest.raises(OtherReplayError, match="ended otherwise"):
        darkroom.ask(named("a"))
    assert maker.filmed == ["a"]
    now[0] = PROBLEM_KEPT_S
    assert darkroom.ask(named("a")) == QUEUED
    darkroom.join(PATIENCE_S)
    assert maker.filmed == ["a", "a"]


def test_an_error_of_ours_ends_neither_the_thread_nor_the_next_video(maker, shelf):
    maker.failure = ZeroDivisionError("by nought")
    darkroom = darkroom_of(maker, shelf)
    darkroom.ask(named("a"))
    darkroom.ask(named("b"))
    maker.let.set()
    darkroom.join(PATIENCE_S)
    assert maker.filmed == ["a", "b"]
    with pytest.raises(FilmingError, match="ZeroDivisionError: by nought"):
        darkroom.ask(named("b"))


def test_a_video_that_the_store_did_not_take_is_made_again(maker, shelf):
    maker.let.set()
    shelf.failure = StoreUnavailableError("away")
    darkroom = darkroom_of(maker, shelf)
    darkroom.ask(named("a"))
    darkroom.join(PATIENCE_S)
    shelf.failure = None
    assert darkroom.ask(named("a")) == QUEUED
    darkroom.join(PATIENCE_S)
    assert stored(shelf, "a") == b"video of a"


def test_the_video_of_a_process_that_was_faster_stays(maker, shelf):
    darkroom = darkroom_of(maker, shelf)
    darkroom.ask(named("a"))
    assert maker.shown.wait(PATIENCE_S)
    shelf.save("a", b"theirs")
    maker.let.set()
    darkroom.join(PATIENCE_S)
    assert stored(shelf, "a") == b"theirs"
    assert darkroom.ask(named("a")) == QUEUED
    darkroom.join(PATIENCE_S)
