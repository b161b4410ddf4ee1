"""A clock and a meter for tests of what the endpoint measures."""

from typing import Any

from flywheel.cluster.meter import Ending


class Clock:
    """Stands still, or goes on by as much whenever it is looked at."""

    def __init__(self) -> None:
        self.now, self.step = 1000.0, 0.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now


class Told:
    """`cluster.meter.Meter` that remembers what it was told."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Any]] = []

    def acted(self, *, duration_s: float, batch_size: int, age_s: float | None) -> None:
        self.heard.append(("acted", (round(duration_s, 6), batch_size, age_s and round(age_s, 6))))

    def missed(self, *, duration_s: float) -> None:
        self.heard.append(("missed", round(duration_s, 6)))

    def turned_away(self, ending: Ending) -> None:
        self.heard.append(("turned away", ending))

    def serves(self, policy_version: str) -> None:
        self.heard.append(("serves", policy_version))

    def refused(self) -> None:
        self.heard.append(("refused", None))

    def sessions(self, *, live: int, earlier: int) -> None:
        self.heard.append(("sessions", (live, earlier)))

    def exposition(self) -> bytes:
        return b"flywheel_told 1\n"
