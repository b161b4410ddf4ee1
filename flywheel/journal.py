"""Journal: an Observer that remembers what happened, for whoever asks later from another thread."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Happening:
    """One line: a stage began or was completed, or something that a person should read."""

    kind: str
    """started, completed or event."""
    iteration: int | None = None
    stage: str | None = None
    outcome: Mapping[str, Any] = field(default_factory=dict)
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far the running stage is."""

    iteration: int
    stage: str
    done: int = 0
    total: int = 0
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class News:
    """What happened since somebody last asked."""

    happenings: tuple[Happening, ...]
    progress: Progress | None
    """None while no stage runs."""


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a run ended. Exit code 0: it finished; 2: the input must be corrected; 1: it failed."""

    exit_code: int
    message: str = ""


class Journal:
    """Written by the loop's thread, read by others."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._happenings: list[Happening] = []
        self._progress: Progress | None = None

    def stage_started(self, iteration: int, stage: str) -> None:
        with self._lock:
            self._happenings.append(Happening(kind="started", iteration=iteration, stage=str(stage)))
            self._progress = Progress(iteration=iteration, stage=str(stage))

    def progress(self, done: int, total: int, **figures: float) -> None:
        with self._lock:
            if self._progress is not None:
                self._progress = Progress(
                    iteration=self._progress.iteration,
                    stage=self._progress.stage,
                    done=done,
                    total=total,
                    figures=figures,
                )

    def stage_completed(self, iteration: int, stage: str, outcome: Mapping[str, Any]) -> None:
        with self._lock:
            self._progress = None
            self._happenings.append(
                Happening(kind="completed", iteration=iteration, stage=str(stage), outcome=dict(outcome))
            )

    def event(self, message: str) -> None:
        with self._lock:
            self._happenings.append(Happening(kind="event", message=message))

    def since(self, seen: int) -> News:
        """All but the first `seen` happenings, and the newest progress."""
        with self._lock:
            return News(happenings=tuple(self._happenings[seen:]), progress=self._progress)
