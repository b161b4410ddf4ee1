"""Makers of videos that need no simulator."""

from dataclasses import dataclass, field
from threading import Event

from flywheel.core.episode import Episode

PATIENCE_S = 30.0


@dataclass
class SlowMaker:
    """Shows one frame of two, and goes on when it is let."""

    refused: Exception | None = None
    """What `check` raises."""
    failure: Exception | None = None
    """What comes of filming; None: the episode's id."""
    shown: Event = field(default_factory=Event)
    let: Event = field(default_factory=Event)
    filmed: list[str] = field(default_factory=list)

    def check(self, episode: Episode) -> None:
        if self.refused is not None:
            raise self.refused

    def film(self, episode: Episode, heard) -> bytes:
        self.filmed.append(episode.episode_id)
        heard(1, 2)
        self.shown.set()
        assert self.let.wait(PATIENCE_S)
        if self.failure is not None:
            raise self.failure
        return f"video of {episode.episode_id}".encode()
