"""Progress: what a training run said last. Of its own, so that its process has next to nothing to import."""

from collections.abc import Mapping


class Progress:
    """Kept by an actor: Ray Train itself tells its caller only the end."""

    def __init__(self) -> None:
        self._said: tuple[int, int, Mapping[str, float]] | None = None
        self._told: list[str] = []

    def say(self, done: int, total: int, figures: Mapping[str, float]) -> None:
        self._said = done, total, figures

    def tell(self, message: str) -> None:
        self._told.append(message)

    def told(self, heard: int) -> list[str]:
        """All that it told a person but for the first `heard`."""
        return self._told[heard:]

    def said(self) -> tuple[int, int, Mapping[str, float]] | None:
        """Updates done, updates in all, and the learner's figures; None before the first report."""
        return self._said
