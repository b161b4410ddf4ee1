import pytest
from diary import Diary
from runs import TASKS, result

from flywheel.core.commands import policies
from flywheel.core.control import IterationState
from flywheel.core.iteration import Stage
from flywheel.service.history import History, mean_success, num_episodes


@pytest.fixture
def diary():
    return Diary()


def history(diary):
    return History(records=diary.records)


def test_a_mean_without_a_task_is_no_mean():
    assert mean_success({"a": result(1, 4), "b": result(3, 4)}) == 0.5
    assert mean_success({"a": result(1, 4), "b": result(0, 0, unscored=4)}) is None
    assert mean_success({}) is None
    assert mean_success(None) is None


def test_episodes_are_counted_scored_or_not():
    assert num_episodes({"a": result(1, 4, errors=2), "b": result(0, 0, unscored=3)}) == 9


def test_what_both_did_in_an_evaluation_is_added_up(diary):
    diary.request()
    diary.turn(0, [40, 30])
    diary.request()
    diary.turn(1, [45, 35], live=[41, 31])
    found = history(diary).results(diary.control.iterations[1], Stage.EVALUATE)
    assert found == {task: {"episodes": 100, "errors": 0, "unscored": 0} for task in TASKS}


@pytest.mark.parametrize(("promote", "success"), [(True, 0.8), (False, 0.72)])
def test_after_an_iteration_the_live_version_counts(diary, promote, success):
    diary.request()
    diary.turn(0, [40, 30])
    diary.request()
    diary.turn(1, [45, 35], live=[41, 31], promote=promote)
    step = history(diary).step(diary.control.iterations[1])
    assert (step.number, step.promoted, step.live_success, step.episodes) == (1, promote, success, 300)


def test_a_rejected_first_candidate_leaves_nothing_live(diary):
    diary.request()
    diary.turn(0, [40, 30], promote=False)
    step = history(diary).step(diary.control.iterations[0])
    assert (step.promoted, step.live_success) == (False, None)
    assert history(diary).newest_measurement(diary.control) is None


def test_the_newest_measurement_is_of_the_live_version(diary):
    diary.request()
    diary.turn(0, [40, 30])
    found = history(diary).newest_measurement(diary.control)
    assert found.name == "policy-0000 in iterations/0/evaluate"
    assert found.success == 0.7
    diary.request()
    diary.turn(1, [45, 35], live=[20, 10], promote=False)
    # What it collected comes before what it showed in the evaluation.
    found = history(diary).newest_measurement(diary.control)
    assert found.name == "policy-0000 in iterations/1/collect"
    assert found.success == pytest.approx(0.3)
    diary.request()
    diary.turn(2, [45, 45], live=[20, 10])
    found = history(diary).newest_measurement(diary.control)
    assert (found.name, found.success) == ("policy-0002 in iterations/2/evaluate", 0.9)


def test_after_a_rollback_the_other_version_counts(diary):
    for number, successes in enumerate(([40, 30], [45, 35])):
        diary.request()
        diary.turn(number, successes, live=[40, 31] if number else None)
    diary.add(policies.roll_back, reason="it drops cups")
    found = history(diary).newest_measurement(diary.control)
    assert (found.policy_id, found.iteration, found.stage) == ("policy-0000", 1, Stage.COLLECT)


def test_a_record_is_read_once_and_one_that_is_due_is_not_looked_for(diary):
    diary.request()
    diary.turn(0, [40, 30])
    diary.request()
    diary.start(1)
    asked = []

    class Counting:
        def read(self, key):
            asked.append(key)
            return diary.records.read(key)

    found = History(records=Counting())
    for _ in range(3):
        found.newest_measurement(diary.control)
    assert asked == ["iterations/0000/evaluate"]
    assert diary.control.iterations[1].state is IterationState.RUNNING
