import pytest
from diary import Diary
from runs import result

from flywheel.core.control import IterationState
from flywheel.service.failures import Failures


@pytest.fixture
def diary():
    return Diary()


def watching(diary, *, allowed=0.2):
    return Failures(chronicle=diary.another(), records=diary.records, allowed=allowed)


def collected(diary, number, **tasks):
    diary.start(number)
    diary.records.write(f"iterations/{number:04d}/collect", {"tasks": tasks})
    diary.complete(number, "collect")


def test_more_errors_than_allowed_are_said_once_per_stage(diary):
    diary.request()
    failures = watching(diary)
    failures.tick()
    collected(diary, 0, reach=result(3, 6, errors=4), push=result(0, 7, errors=1, unscored=2))
    (entry,) = failures.tick()
    assert (entry.action, entry.subject) == ("episodes.failing", "iterations/0")
    assert entry.reason == "5 of 20 episodes of collect ended by an error, more than 20%; most on reach: 4"
    assert entry.details == {"stage": "collect", "episodes": 20, "errors": {"push": 1, "reach": 4}}
    assert failures.tick() == []
    assert watching(diary).tick() == []


def test_as_many_as_allowed_are_no_news(diary):
    diary.request()
    collected(diary, 0, reach=result(3, 8, errors=2))
    assert watching(diary).tick() == []
    assert watching(diary, allowed=0.19).tick() != []


def test_both_stages_that_act_are_looked_at_and_both_versions(diary):
    diary.request()
    collected(diary, 0, reach=result(0, 0, errors=4))
    diary.records.write(
        "iterations/0000/evaluate",
        {"tasks": {"reach": result(4, 4)}, "live_tasks": {"reach": result(0, 1, errors=3)}},
    )
    diary.complete(0, "relabel")
    diary.complete(0, "evaluate")
    assert [entry.details["stage"] for entry in watching(diary).tick()] == ["collect", "evaluate"]


def test_a_process_that_goes_on_says_what_the_one_before_did_not(diary):
    diary.request()
    collected(diary, 0, reach=result(0, 1, errors=9))
    diary.start(0, owner="there")
    assert len(watching(diary).tick()) == 1


def test_iterations_long_gone_are_not_looked_at(diary):
    for number in range(2):
        diary.request()
        collected(diary, number, reach=result(0, 1, errors=9))
        diary.finish(number, IterationState.FAILED)
    assert [entry.subject for entry in watching(diary).tick()] == ["iterations/1"]


def test_an_empty_chronicle_is_looked_at_again(diary):
    failures = watching(diary)
    assert failures.tick() == []
    diary.request()
    assert failures.tick() == []
    collected(diary, 0, reach=result(0, 1, errors=9))
    assert len(failures.tick()) == 1
