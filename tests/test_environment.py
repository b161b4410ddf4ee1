from dataclasses import dataclass, field

from flywheel.core.environment import EnvironmentPool
from flywheel.core.task import Recorded, Task


@dataclass
class Room:
    """An environment of which only making and closing matter."""

    task: Task
    closed: int = 0
    stuck: bool = False

    def close(self):
        self.closed += 1
        if self.stuck:
            raise RuntimeError("the door is stuck")


@dataclass
class Builder:
    made: list = field(default_factory=list)

    def __call__(self, task):
        self.made.append(Room(task=Task(name=task, scene="house", instruction="live", rule=Recorded())))
        return self.made[-1]


def test_an_environment_serves_one_taker_at_a_time_and_then_the_next_of_its_task():
    build = Builder()
    pool = EnvironmentPool(make=build, capacity=4)
    first, second = pool.take("kitchen"), pool.take("kitchen")
    assert first is not second
    pool.give_back(first)
    assert pool.take("bath") not in (first, second)
    assert pool.take("kitchen") is first
    assert len(build.made) == 3


def test_no_more_wait_than_there_is_room_for_and_the_oldest_goes_first():
    build = Builder()
    pool = EnvironmentPool(make=build, capacity=2)
    rooms = [pool.take(name) for name in ("a", "b", "c")]
    for room in rooms:
        pool.give_back(room)
    assert [room.closed for room in rooms] == [1, 0, 0]
    assert pool.take("a") is not rooms[0]


def test_a_discarded_environment_is_closed_and_never_seen_again_even_if_it_cannot_be_closed():
    build = Builder()
    pool = EnvironmentPool(make=build, capacity=2)
    room = pool.take("a")
    room.stuck = True
    pool.discard(room)
    assert room.closed == 1
    assert pool.take("a") is not room


def test_closing_the_pool_closes_those_that_wait():
    build = Builder()
    pool = EnvironmentPool(make=build, capacity=3)
    waiting, busy = pool.take("a"), pool.take("a")
    pool.give_back(waiting)
    pool.close()
    assert (waiting.closed, busy.closed) == (1, 0)
    assert pool.take("a") is not waiting
