"""Footage: has the episodes of each iteration filmed that the settings want, while nothing waits for it."""

import logging
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from flywheel.core.entry import Action
from flywheel.core.episode import Episode, EpisodeSummary, Outcome, Source
from flywheel.core.errors import FlywheelError, StoreUnavailableError
from flywheel.core.iteration import Stage
from flywheel.ports import Chronicle, EpisodeTable, Videos
from flywheel.service.history import newest_start

SOURCES: Final = (Source.EVALUATION, Source.COLLECTION)
"""In the order in which they are filmed."""

log = logging.getLogger(__name__)


class Filming(Protocol):
    """`filming.darkroom.Darkroom`."""

    @property
    def has_room(self) -> bool: ...

    def ask(self, episode: Episode) -> object: ...


class Footage:
    """Looks at every evaluation as it ends; after a start, at that of the newest iteration too.

    What could not be filmed is not asked for again: whoever wants to see it asks.
    """

    def __init__(
        self,
        *,
        chronicle: Chronicle,
        episodes: EpisodeTable,
        videos: Videos,
        darkroom: Filming,
        wanted: Callable[[Outcome], bool],
        per_task: int,
    ) -> None:
        """`wanted`: whether an episode that ended so is filmed. `per_task`: at most, of each iteration."""
        self._chronicle, self._episodes, self._videos, self._darkroom = chronicle, episodes, videos, darkroom
        self._wanted, self._per_task = wanted, per_task
        self._next: int | None = None
        """The first entry that was not looked at."""
        self._waiting: deque[str] = deque()

    def tick(self) -> None:
        """Asks for what the darkroom has room for. StoreError: the store does not answer; the next call goes on."""
        control = self._chronicle.control()
        for entry in control.entries[newest_start(control) if self._next is None else self._next :]:
            if entry.action is Action.STAGE_COMPLETED and entry.details["stage"] == Stage.EVALUATE:
                self._waiting += self._chosen(entry.subject_number)
            self._next = entry.number + 1
        while self._waiting and self._darkroom.has_room:
            self._film(self._waiting[0])
            self._waiting.popleft()

    def _chosen(self, iteration: int) -> list[str]:
        """Failures before others, evaluation before collection; per task at most so many."""
        found: dict[str, list[EpisodeSummary]] = {}
        for source in SOURCES:
            for episode in self._episodes.summaries(iteration=iteration, source=source):
                if self._wanted(episode.outcome):
                    found.setdefault(episode.task, []).append(episode)
        for episodes in found.values():
            episodes.sort(key=lambda some: some.outcome is not Outcome.FAILURE)
        return [some.episode_id for episodes in found.values() for some in episodes[: self._per_task]]

    def _film(self, episode_id: str) -> None:
        if self._videos.find(episode_id) is not None:
            return
        try:
            (episode,) = self._episodes.read(episode_ids=[episode_id])
            self._darkroom.ask(episode)
        except StoreUnavailableError:
            raise
        except FlywheelError as failure:
            log.info("no video: %s", failure)
