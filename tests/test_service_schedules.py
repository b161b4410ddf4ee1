from concurrent.futures import ThreadPoolExecutor

import pytest
from diary import Diary

from flywheel.core.commands import schedules as commands
from flywheel.core.control import IterationState
from flywheel.service.schedules import Schedules

BY = "schedule:nightly"


@pytest.fixture
def diary():
    return Diary()


def looking_after(diary, *, max_queued=16):
    """A process of its own."""
    return Schedules(chronicle=diary.another(), records=diary.records, now=diary.now, max_queued=max_queued)


def upload(diary, name, count, *, at="2026-01-05T10:00:00+00:00"):
    diary.records.write(f"uploads/{name}", {"tasks": {"a": count - 1, "b": 1}} | ({"at": at} if at else {}))


def fired(diary):
    """Occasion and reason of each firing."""
    return [(entry.details["occasion"], entry.reason) for entry in diary.control.entries if entry.by == BY]


def test_the_clock_fires_once_per_time(diary):
    diary.schedule(cron="0 */2 * * *", overrides={"train": {"num_updates": 5}})
    schedules = looking_after(diary)
    assert schedules.tick() == []
    diary.time = "2026-01-05T09:59:59.999Z"
    assert schedules.tick() == []
    diary.time = "2026-01-05T10:00:00.000Z"
    (entry,) = schedules.tick()
    assert (entry.by, entry.details["overrides"]) == (BY, {"train": {"num_updates": 5}})
    diary.turn(0, [40, 30])
    diary.time = "2026-01-05T11:59:00Z"
    assert schedules.tick() == []
    diary.time = "2026-01-05T12:00:01Z"
    assert len(schedules.tick()) == 1
    assert fired(diary) == [
        ("2026-01-05T10:00:00Z", "due at 2026-01-05T10:00:00Z"),
        ("2026-01-05T12:00:00Z", "due at 2026-01-05T12:00:00Z"),
    ]


def test_times_that_were_missed_fire_once_for_the_latest(diary):
    diary.schedule(cron="0 2 * * *")
    diary.time = "2026-01-20T09:00:00Z"
    looking_after(diary).tick()
    assert [occasion for occasion, _ in fired(diary)] == ["2026-01-20T02:00:00Z"]


def test_a_time_before_it_was_created_is_not_missed(diary):
    diary.schedule(cron="0 2 * * *")
    assert looking_after(diary).tick() == []


def test_many_processes_at_once_fire_once(diary):
    diary.schedule(cron="* * * * *")
    diary.time = "2026-01-05T09:07:30Z"
    some = [looking_after(diary) for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda schedules: schedules.tick(), some))
    diary.start(0)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda schedules: schedules.tick(), some))
    assert len(fired(diary)) == 1


def test_a_process_whose_clock_is_behind_does_not_fire_for_an_earlier_time(diary):
    diary.schedule(cron="* * * * *")
    diary.time = "2026-01-05T09:08:00Z"
    looking_after(diary).tick()
    diary.start(0)
    diary.time = "2026-01-05T09:07:59Z"
    assert looking_after(diary).tick() == []


def test_while_its_iteration_is_queued_it_asks_for_no_other(diary):
    diary.schedule(cron="* * * * *")
    schedules = looking_after(diary)
    for minute in range(1, 10):
        diary.time = f"2026-01-05T09:0{minute}:00Z"
        schedules.tick()
    assert [occasion for occasion, _ in fired(diary)] == ["2026-01-05T09:01:00Z"]
    diary.start(0)
    schedules.tick()
    assert [occasion for occasion, _ in fired(diary)] == ["2026-01-05T09:01:00Z", "2026-01-05T09:09:00Z"]


def test_a_full_queue_is_tried_again_and_said_once(diary, caplog):
    diary.request()
    diary.schedule(cron="* * * * *")
    diary.time = "2026-01-05T09:01:00Z"
    schedules = looking_after(diary, max_queued=1)
    with caplog.at_level("INFO"):
        assert [schedules.tick() for _ in range(5)] == [[]] * 5
    assert len(caplog.records) == 1
    diary.start(0)
    assert len(schedules.tick()) == 1


def test_a_cron_that_is_none_is_said_once_and_does_not_stop_the_others(diary, caplog):
    diary.schedule("broken", cron="61 * * * *")
    diary.schedule(cron="* * * * *")
    diary.time = "2026-01-05T09:01:00Z"
    schedules = looking_after(diary)
    assert len(schedules.tick()) == 1
    schedules.tick()
    assert len(caplog.records) == 1
    assert "schedule broken waits: cron '61 * * * *': Bad minute" in caplog.text


def test_one_that_is_deleted_meanwhile_does_not_fire(diary):
    diary.schedule(cron="* * * * *")
    diary.time = "2026-01-05T09:01:00Z"
    before = diary.control
    diary.add(commands.delete, "nightly")
    schedules = looking_after(diary)
    assert schedules._fire("nightly", before) is None
    assert fired(diary) == []


def test_uploads_since_it_was_created_or_fired_are_counted(diary):
    upload(diary, "old", 100, at="2026-01-05T08:59:59+00:00")
    upload(diary, "older", 100, at=None)
    diary.schedule(new_episodes=10)
    schedules = looking_after(diary)
    upload(diary, "a", 9)
    assert schedules.tick() == []
    upload(diary, "b", 3)
    assert len(schedules.tick()) == 1
    diary.start(0)
    assert schedules.tick() == []
    upload(diary, "c", 9)
    assert schedules.tick() == []
    # An import that took long: its record comes after the firing and says an earlier time.
    upload(diary, "d", 2, at="2026-01-05T08:00:00+00:00")
    assert len(looking_after(diary).tick()) == 1
    assert fired(diary) == [("212", "12 new episodes from outside"), ("223", "11 new episodes from outside")]


def test_too_little_success_fires_once_per_measurement(diary):
    diary.schedule(success_below=0.8)
    schedules = looking_after(diary)
    assert schedules.tick() == []
    diary.request()
    assert schedules.tick() == []
    diary.turn(0, [40, 30])
    assert len(schedules.tick()) == 1
    assert schedules.tick() == []
    diary.turn(1, [45, 35], live=[40, 30], promote=False)
    assert len(schedules.tick()) == 1
    diary.turn(2, [45, 45], live=[40, 30])
    assert schedules.tick() == []
    assert fired(diary) == [
        (
            "policy-0000 in iterations/0/evaluate",
            "policy-0000 in iterations/0/evaluate: mean success 0.700, below 0.8",
        ),
        ("policy-0000 in iterations/1/collect", "policy-0000 in iterations/1/collect: mean success 0.700, below 0.8"),
    ]


def test_an_iteration_that_failed_measures_nothing_new(diary):
    diary.schedule(success_below=0.8)
    schedules = looking_after(diary)
    diary.request()
    diary.turn(0, [40, 30])
    schedules.tick()
    diary.start(1)
    diary.finish(1, IterationState.FAILED, reason="no more disk")
    assert schedules.tick() == []
