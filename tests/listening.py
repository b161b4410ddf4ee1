"""An observer that remembers."""

from collections.abc import Mapping
from typing import Any


class Listener:
    """`ports.Observer`."""

    def __init__(self) -> None:
        self.reports: list[tuple[int, int, dict[str, float]]] = []
        self.events: list[str] = []

    def stage_started(self, iteration: int, stage: str) -> None:
        pass

    def progress(self, done: int, total: int, **figures: float) -> None:
        self.reports.append((done, total, figures))

    def stage_completed(self, iteration: int, stage: str, outcome: Mapping[str, Any]) -> None:
        pass

    def event(self, message: str) -> None:
        self.events.append(message)
