"""Narrator: an Observer that logs what happens, and sees to it that all other lines say what they are about."""

import logging
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

from flywheel.core.errors import FlywheelError
from flywheel.core.iteration import Stage
from flywheel.logs.about import about, known, turn_to

PROGRESS_S = 60.0
"""Between two lines of how far a stage is."""

log = logging.getLogger(__name__)


class Narrator:
    """Told in the thread that turns the wheel: what that thread logs is about the iteration and its stage."""

    def __init__(self, *, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._told_at = 0.0
        self._policies: dict[str, str] = {}
        """Stage -> the version that it is about, as far as the stages before it said."""

    def began(self, iteration: int) -> None:
        """It is turned from now on."""
        self._policies = {}
        turn_to(iteration=iteration)
        log.info("iteration %d is turned", iteration)

    def ended(self, failure: Exception | None = None) -> None:
        """What was turned is over, or interrupted, or failed."""
        if failure is not None:
            log.error("stopped: %s", failure, exc_info=None if isinstance(failure, FlywheelError) else failure)
        turn_to()

    def stage_started(self, iteration: int, stage: str) -> None:
        if known().get("iteration") != iteration:
            self.began(iteration)
        policy = self._policies.get(stage)
        turn_to(iteration=iteration, stage=str(stage), **({} if policy is None else {"policy_version": policy}))
        self._told_at = self._clock()
        log.info("%s begins", stage)

    def progress(self, done: int, total: int, **figures: float) -> None:
        if self._clock() - self._told_at < PROGRESS_S:
            return
        self._told_at = self._clock()
        measured = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
        log.info("%d of %d%s", done, total, f"; {measured}" if measured else "")

    def stage_completed(self, iteration: int, stage: str, outcome: Mapping[str, Any]) -> None:
        self._learn(stage, outcome)
        policy = self._policies.get(stage)
        with about(**({} if policy is None else {"policy_version": policy})):
            log.info("%s is done after %.1f s%s", stage, outcome.get("wall_s", 0.0), _in_words(outcome))
        turn_to(iteration=iteration)

    def event(self, message: str) -> None:
        log.warning("%s", message)

    def _learn(self, stage: str, outcome: Mapping[str, Any]) -> None:
        if stage == Stage.PLAN and outcome.get("live"):
            self._policies[Stage.COLLECT] = outcome["live"]
        elif stage == Stage.TRAIN and "policy_id" in outcome:
            for about_it in (Stage.TRAIN, Stage.EVALUATE, Stage.DEPLOY):
                self._policies[about_it] = outcome["policy_id"]


def _in_words(outcome: Mapping[str, Any]) -> str:
    """What a stage says of itself."""
    told = [str(outcome[name]) for name in ("policy_id", "decision", "reason") if outcome.get(name)]
    if "deployed" in outcome:
        told.append(f"{outcome.get('live')} {'is' if outcome['deployed'] else 'stays'} live")
    return f": {', '.join(told)}" if told else ""
