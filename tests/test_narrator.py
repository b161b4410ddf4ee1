import logging

import pytest

from flywheel.core.errors import TrainingError
from flywheel.core.iteration import Stage
from flywheel.logs.about import about, known, turn_to
from flywheel.logs.narrator import PROGRESS_S, Narrator


class Heard(logging.Handler):
    """What was logged, and what it was about."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[str, str, dict]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append((record.levelname, record.getMessage(), dict(known())))

    def said(self) -> list[str]:
        return [message for _, message, _ in self.lines]


@pytest.fixture
def heard(caplog):
    heard = Heard()
    caplog.set_level(logging.INFO, "flywheel")
    logging.getLogger("flywheel").addHandler(heard)
    yield heard
    logging.getLogger("flywheel").removeHandler(heard)
    turn_to()


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_everything_that_is_logged_in_a_stage_is_about_it(heard):
    narrator = Narrator()
    narrator.began(3)
    narrator.stage_started(3, Stage.PLAN)
    narrator.stage_completed(3, Stage.PLAN, {"live": "policy-0001", "wall_s": 0.5})
    narrator.stage_started(3, Stage.COLLECT)
    logging.getLogger("flywheel.elsewhere").info("something")
    with about(episode="e7"):
        narrator.event("episode e7 failed")
    assert heard.lines[-2] == (
        "INFO",
        "something",
        {"iteration": 3, "stage": "collect", "policy_version": "policy-0001"},
    )
    assert heard.lines[-1] == (
        "WARNING",
        "episode e7 failed",
        {"iteration": 3, "stage": "collect", "policy_version": "policy-0001", "episode": "e7"},
    )
    narrator.stage_completed(3, Stage.COLLECT, {"wall_s": 2.0})
    assert known() == {"iteration": 3}
    narrator.ended()
    assert known() == {}
    assert heard.said()[:3] == ["iteration 3 is turned", "plan begins", "plan is done after 0.5 s"]


def test_the_candidate_is_named_from_its_training_on(heard):
    narrator = Narrator()
    narrator.stage_started(3, Stage.TRAIN)
    narrator.stage_completed(3, Stage.TRAIN, {"policy_id": "policy-0003", "wall_s": 9.0})
    narrator.stage_started(3, Stage.EVALUATE)
    assert known()["policy_version"] == "policy-0003"
    outcome = {"decision": "promote", "reason": "better", "wall_s": 1.0, "policy_id": "policy-0003"}
    narrator.stage_completed(3, Stage.EVALUATE, outcome)
    assert heard.said()[-1] == "evaluate is done after 1.0 s: policy-0003, promote, better"
    narrator.stage_started(3, Stage.DEPLOY)
    narrator.stage_completed(3, Stage.DEPLOY, {"live": "policy-0003", "deployed": True, "reason": "", "wall_s": 1.0})
    assert heard.said()[-1] == "deploy is done after 1.0 s: policy-0003 is live"
    # The next iteration knows nothing of it.
    narrator.stage_started(4, Stage.EVALUATE)
    assert known() == {"iteration": 4, "stage": "evaluate"}


def test_progress_is_told_now_and_then(heard):
    clock = Clock()
    narrator = Narrator(clock=clock)
    narrator.stage_started(3, Stage.TRAIN)
    narrator.progress(1, 100, loss=2.0)
    clock.now += PROGRESS_S
    narrator.progress(50, 100, loss=1.23456)
    narrator.progress(51, 100, loss=1.2)
    clock.now += PROGRESS_S
    narrator.progress(99, 100)
    assert heard.said()[2:] == ["50 of 100; loss 1.235", "99 of 100"]


@pytest.mark.parametrize(("failure", "traced"), [(TrainingError("no memory"), False), (ValueError("ours"), True)])
def test_what_fails_is_an_error_of_the_stage_with_a_traceback_where_it_was_unforeseen(heard, caplog, failure, traced):
    narrator = Narrator()
    narrator.began(3)
    narrator.stage_started(3, Stage.TRAIN)
    narrator.ended(failure)
    assert heard.lines[-1] == ("ERROR", f"stopped: {failure}", {"iteration": 3, "stage": "train"})
    assert (caplog.records[-1].exc_info is not None) is traced
