"""Darkroom: makes videos, one at a time, in a thread of its own, and knows how far each is."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock, Thread
from time import monotonic
from typing import Protocol

from flywheel.core.episode import Episode
from flywheel.core.errors import FilmingBusyError, FilmingError, FlywheelError, RecordExistsError
from flywheel.filming.studio import Heard
from flywheel.ports import Videos

PROBLEM_KEPT_S = 600.0
"""How long it is remembered why a video could not be made: who asks again meanwhile is told the same."""
MOST_PROBLEMS = 1000

log = logging.getLogger(__name__)


class FilmingState(StrEnum):
    """Of a video that is not there yet."""

    QUEUED = "queued"
    RENDERING = "rendering"


@dataclass(frozen=True, kw_only=True)
class Filming:
    """How far a video is."""

    state: FilmingState
    done: int = 0
    """Frames."""
    total: int = 0
    """Frames; 0: not known yet."""


class Maker(Protocol):
    """`filmmaker.Filmmaker`."""

    def check(self, episode: Episode) -> None: ...

    def film(self, episode: Episode, heard: Heard) -> bytes: ...


class Darkroom:
    """Of one process. What several processes make twice is kept once."""

    def __init__(self, *, maker: Maker, videos: Videos, capacity: int, clock: Callable[[], float] = monotonic) -> None:
        """`capacity`: videos that may wait or be made at once."""
        self._maker, self._videos, self._capacity, self._clock = maker, videos, capacity, clock
        self._lock = Lock()
        self._episodes: dict[str, Episode] = {}
        """Those that wait, the next one first, and the one that is being made."""
        self._filming: dict[str, Filming] = {}
        self._problems: dict[str, tuple[float, FlywheelError]] = {}
        self._thread: Thread | None = None

    def ask(self, episode: Episode) -> Filming:
        """How far the episode's video is, which is begun if need be. Ask for one that is not stored.

        ConflictError, FilmingError: it cannot be made. FilmingBusyError: as many wait as may.
        """
        name = episode.episode_id
        with self._lock:
            if name in self._filming:
                return self._filming[name]
            at, problem = self._problems.get(name, (0.0, None))
            if problem is not None and self._clock() - at < PROBLEM_KEPT_S:
                raise problem
            self._maker.check(episode)
            if len(self._episodes) >= self._capacity:
                raise FilmingBusyError(f"{len(self._episodes)} videos are waiting to be made: ask again later")
            self._episodes[name] = episode
            self._filming[name] = Filming(state=FilmingState.QUEUED)
            if len(self._episodes) == 1:
                self._thread = Thread(target=self._work, name="darkroom", daemon=True)
                self._thread.start()
            return self._filming[name]

    @property
    def has_room(self) -> bool:
        """Whether another video may be asked for."""
        return len(self._episodes) < self._capacity

    def join(self, timeout_s: float) -> None:
        """Returns when nothing waits, or after a while."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _work(self) -> None:
        """Until nothing waits."""
        while True:
            with self._lock:
                episode = next(iter(self._episodes.values()))
            problem = self._make(episode)
            with self._lock:
                del self._episodes[episode.episode_id], self._filming[episode.episode_id]
                if problem is not None:
                    self._remember(episode.episode_id, problem)
                if not self._episodes:
                    return

    def _make(self, episode: Episode) -> FlywheelError | None:
        """Returns why it could not be made and will not be."""
        name = episode.episode_id

        def heard(done: int, total: int) -> None:
            with self._lock:
                self._filming[name] = Filming(state=FilmingState.RENDERING, done=done, total=total)

        heard(0, 0)
        try:
            self._videos.save(name, self._maker.film(episode, heard))
        except RecordExistsError:
            return None  # Another process was faster.
        except FilmingError as failure:
            log.warning("%s", failure)
            return failure
        except FlywheelError as failure:  # Of the store: who asks again has it tried again.
            log.warning("video of %s: %s", name, failure)
        except Exception as failure:
            log.exception("video of %s", name)
            return FilmingError(f"episode {name}: {type(failure).__name__}: {failure}")
        return None

    def _remember(self, name: str, problem: FlywheelError) -> None:
        while len(self._problems) >= MOST_PROBLEMS:
            del self._problems[next(iter(self._problems))]
        self._problems[name] = (self._clock(), problem)
