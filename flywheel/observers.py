"""Observers: several that are told as one."""

from collections.abc import Mapping, Sequence
from typing import Any

from flywheel.ports import Observer


class Observers:
    """`ports.Observer`. Each is told, in order."""

    def __init__(self, *, observers: Sequence[Observer]) -> None:
        self._observers = observers

    def stage_started(self, iteration: int, stage: str) -> None:
        for observer in self._observers:
            observer.stage_started(iteration, stage)

    def progress(self, done: int, total: int, **figures: float) -> None:
        for observer in self._observers:
            observer.progress(done, total, **figures)

    def stage_completed(self, iteration: int, stage: str, outcome: Mapping[str, Any]) -> None:
        for observer in self._observers:
            observer.stage_completed(iteration, stage, outcome)

    def event(self, message: str) -> None:
        for observer in self._observers:
            observer.event(message)
