"""Hearing: an Observer of a process that lives for months: it knows what runs now and remembers nothing else."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from threading import Lock
from typing import Any

from flywheel.journal import Progress


class Hearing:
    """Written by the loop's thread, read by others."""

    def __init__(self, *, started: Callable[[str], None]) -> None:
        """`started` is told of each stage."""
        self._started = started
        self._lock = Lock()
        self._progress: Progress | None = None

    @property
    def now(self) -> Progress | None:
        """Of the stage that runs; None: none does."""
        return self._progress

    def stage_started(self, iteration: int, stage: str) -> None:
        self._started(str(stage))
        with self._lock:
            self._progress = Progress(iteration=iteration, stage=str(stage))

    def progress(self, done: int, total: int, **figures: float) -> None:
        with self._lock:
            if self._progress is not None:
                self._progress = replace(self._progress, done=done, total=total, figures=figures)

    def stage_completed(self, iteration: int, stage: str, outcome: Mapping[str, Any]) -> None:
        with self._lock:
            self._progress = None

    def event(self, message: str) -> None: ...
