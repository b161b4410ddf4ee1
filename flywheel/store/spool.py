"""Spool: parts that cannot be written because the store is away wait in a local folder, in order and bounded."""

import tempfile
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import getuid
from pathlib import Path
from random import uniform
from time import monotonic, sleep

from flywheel.core.episode import Episode
from flywheel.core.errors import StoreError, StoreUnavailableError
from flywheel.ports import Notice, Part, Spooled
from flywheel.store.episodes import DeltaEpisodes
from flywheel.store.retries import Patience
from flywheel.store.spool_folder import SpoolFolder

SPOOL_PATIENCE = Patience(deadline_s=1.0, attempt_s=5.0)
"""Short: what cannot be written now is written later, and meanwhile the environments should run."""
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 10.0


@dataclass(frozen=True, kw_only=True)
class _Waiting:
    """A part that the store does not have yet."""

    part: Part
    num_bytes: int
    path: Path | None
    """None: there was no room for it."""
    data: bytes | None


class SpooledParts:
    """`ports.PartWriter`. While the store is there, a part is written at once and the folder is not even made.

    Its folder ends with its process: what a dead process left is taken away, because the same requests make the same
    parts again.
    """

    def __init__(self, *, episodes: DeltaEpisodes, folder: Path, max_bytes: int) -> None:
        self._episodes, self._max_bytes = episodes, max_bytes
        self._folder = SpoolFolder(parent=folder)
        self._waiting: deque[_Waiting] = deque()
        self._news: list[Part | Notice] = []
        self._pause_s, self._next_attempt = 0.0, 0.0
        self._told = Spooled()

    @property
    def num_waiting(self) -> int:
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        return bool(self._waiting) and self._waiting[-1].path is None

    def discard(self) -> None:
        for waiting in self._waiting:
            if waiting.path is not None:
                waiting.path.unlink(missing_ok=True)
        self._waiting.clear()
        self._news = []

    def add(self, episodes: Sequence[Episode], *, work_s: float) -> None:
        assert not self.is_full, "who adds waits while it is full"
        part, data = self._episodes.encoded(episodes)
        part = replace(part, work_s=work_s)
        if not self._waiting:
            try:
                self._episodes.put(part, data)
            except StoreUnavailableError as failure:
                self._say(f"{failure}; episodes wait in {self._folder.path}")
                self._postpone()
            else:
                self._news.append(part)
                return
        self._keep(part, data)

    def poll(self) -> list[Part | Notice]:
        if self._waiting and monotonic() >= self._next_attempt:
            self._flush()
        spooled = self._spooled()
        if spooled != self._told:
            self._news.append(Notice(spooled=spooled))
            self._told = spooled
        news, self._news = self._news, []
        return news

    def wait(self) -> list[Part | Notice]:
        sleep(max(0.0, self._next_attempt - monotonic()))
        return self.poll() or [Notice()]

    def _spooled(self) -> Spooled:
        num_bytes = sum(waiting.num_bytes for waiting in self._waiting)
        return Spooled(num_parts=len(self._waiting), num_bytes=num_bytes, is_full=self.is_full)

    def _keep(self, part: Part, data: bytes) -> None:
        path = None
        spooled = self._spooled().num_bytes
        if spooled + len(data) > self._max_bytes:
            self._say(f"the spool holds {spooled} of {self._max_bytes} bytes and has no room for another part")
        else:
            try:
                path = self._folder.write(part.path, data)
            except OSError as failure:
                self._say(f"the spool {self._folder.path} cannot be written to: {failure.strerror or failure}")
        if path is None:
            self._say("collecting pauses until the store is back")
        kept = None if path is not None else data
        self._waiting.append(_Waiting(part=part, num_bytes=len(data), path=path, data=kept))

    def _flush(self) -> None:
        """Writes what waits, in order, until the store fails."""
        count = len(self._waiting)
        while self._waiting:
            waiting = self._waiting[0]
            try:
                self._episodes.put(waiting.part, _data(waiting))
            except StoreUnavailableError:
                self._postpone()
                return
            self._waiting.popleft()
            if waiting.path is not None:
                waiting.path.unlink(missing_ok=True)
            self._news.append(waiting.part)
            self._pause_s = 0.0
        self._say(f"the store is back: {count} part(s) that waited are written")

    def _postpone(self) -> None:
        self._pause_s = min(LONGEST_PAUSE_S, 2 * self._pause_s or FIRST_PAUSE_S)
        self._next_attempt = monotonic() + uniform(self._pause_s / 2, self._pause_s)

    def _say(self, message: str) -> None:
        self._news.append(Notice(message=message))


def default_folder() -> Path:
    """Where parts wait if no setting says where."""
    return Path(tempfile.gettempdir()) / f"flywheel-spool-{getuid()}"


def _data(waiting: _Waiting) -> bytes:
    if waiting.path is None:
        assert waiting.data is not None
        return waiting.data
    try:
        return waiting.path.read_bytes()
    except OSError as failure:
        raise StoreError(f"{waiting.path}: what waited in the spool cannot be read: {failure.strerror}") from failure
