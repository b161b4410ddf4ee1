from collections.abc import Callable

import numpy as np
import pytest
from builders import make_episode
from diary import Diary
from fakes import MemoryEpisodes

from flywheel.core.control import IterationState
from flywheel.core.episode import Outcome, Source
from flywheel.core.errors import ConflictError, StoreUnavailableError
from flywheel.service.footage import Footage
from flywheel.store.objects import LocalFolder
from flywheel.store.videos import ObjectVideos


class Room:
    """A darkroom that only remembers what it was asked for."""

    def __init__(self, *, capacity: int = 100) -> None:
        self.capacity = capacity
        self.asked: list[str] = []
        self.refuses: dict[str, Exception] = {}

    @property
    def has_room(self) -> bool:
        return len(self.asked) < self.capacity

    def ask(self, episode) -> None:
        if episode.episode_id in self.refuses:
            raise self.refuses[episode.episode_id]
        self.asked.append(episode.episode_id)


def made(
    name: str, *, success: bool, source: Source = Source.EVALUATION, task: str = "suite/reach", iteration: int = 0
):
    return make_episode(
        episode_id=name, task=task, source=source, iteration=iteration, successes=np.full(3, success, np.bool_)
    )


@pytest.fixture
def diary() -> Diary:
    return Diary()


@pytest.fixture
def episodes() -> MemoryEpisodes:
    table = MemoryEpisodes()
    rows = [
        made("collected-0", success=False, source=Source.COLLECTION),
        made("evaluated-0", success=True),
        made("evaluated-1", success=False),
        made("evaluated-2", success=False),
        made("final-0", success=False, source=Source.FINAL),
        made("later-0", success=False, iteration=1),
        made("pushed-0", success=False, task="suite/push"),
    ]
    table.commit([table.write(rows)], transaction="all")
    return table


@pytest.fixture
def videos(tmp_path) -> ObjectVideos:
    return ObjectVideos(objects=LocalFolder(root=tmp_path))


@pytest.fixture
def footage_with(diary, episodes, videos) -> Callable[..., Footage]:
    def make(room: Room, *, wanted=lambda outcome: True, per_task: int = 10) -> Footage:
        return Footage(
            chronicle=diary.another(),
            episodes=episodes,
            videos=videos,
            darkroom=room,
            wanted=wanted,
            per_task=per_task,
        )

    return make


def evaluated(diary: Diary, number: int) -> None:
    diary.request()
    diary.start(number)
    diary.complete(number, "collect")
    diary.complete(number, "evaluate")


def test_once_an_evaluation_is_over_its_iterations_episodes_are_filmed_failures_first(diary, footage_with):
    room = Room()
    footage = footage_with(room)
    diary.request()
    diary.start(0)
    diary.complete(0, "collect")
    footage.tick()
    assert room.asked == []
    diary.complete(0, "evaluate")
    footage.tick()
    footage.tick()
    assert room.asked == ["evaluated-1", "evaluated-2", "collected-0", "evaluated-0", "pushed-0"]


def test_of_each_task_no_more_are_filmed_than_wanted(diary, footage_with):
    evaluated(diary, 0)
    room = Room()
    footage_with(room, wanted=lambda outcome: outcome is Outcome.SUCCESS, per_task=1).tick()
    assert room.asked == ["evaluated-0"]
    room = Room()
    footage_with(room, per_task=1).tick()
    assert room.asked == ["evaluated-1", "pushed-0"]


def test_what_has_no_room_waits_for_the_next_tick(diary, footage_with):
    evaluated(diary, 0)
    room = Room(capacity=2)
    footage = footage_with(room)
    footage.tick()
    assert room.asked == ["evaluated-1", "evaluated-2"]
    room.capacity = 100
    footage.tick()
    assert room.asked[2:] == ["collected-0", "evaluated-0", "pushed-0"]


def test_what_is_filmed_already_or_cannot_be_is_passed_over(diary, footage_with, videos):
    evaluated(diary, 0)
    videos.save("evaluated-1", b"a video")
    room = Room()
    room.refuses["evaluated-2"] = ConflictError("no such task")
    footage_with(room, per_task=2).tick()
    assert room.asked == ["pushed-0"]


def test_a_store_that_is_away_is_asked_again(diary, footage_with):
    evaluated(diary, 0)
    room = Room()
    room.refuses["evaluated-1"] = StoreUnavailableError("away")
    footage = footage_with(room, per_task=1)
    with pytest.raises(StoreUnavailableError):
        footage.tick()
    room.refuses.clear()
    footage.tick()
    assert room.asked == ["evaluated-1", "pushed-0"]


def test_after_a_start_only_the_newest_iteration_is_looked_at(diary, footage_with):
    evaluated(diary, 0)
    diary.finish(0, IterationState.FAILED)
    evaluated(diary, 1)
    room = Room()
    footage_with(room).tick()
    assert room.asked == ["later-0"]
