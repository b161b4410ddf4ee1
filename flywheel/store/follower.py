"""Follower: the newest state of a chronicle that could be read. Who asks never waits for the store."""

import logging
from collections.abc import Callable, Sequence
from threading import Event, Thread
from types import TracebackType
from typing import Self

from flywheel.core.control import Control
from flywheel.core.errors import FlywheelError
from flywheel.ports import Chronicle

INTERVAL_S = 0.5

log = logging.getLogger(__name__)


class Follower:
    """Reads the chronicle again and again in a thread of its own, and tells those who want to hear of each change.

    While the store is away it goes on with what it read last.
    """

    def __init__(
        self, *, chronicle: Chronicle, heard: Sequence[Callable[[Control], None]] = (), interval_s: float = INTERVAL_S
    ) -> None:
        """The first state is read here. StoreError: it cannot be."""
        self._chronicle, self._heard, self._interval_s = chronicle, heard, interval_s
        self._control = chronicle.control()
        self._over = Event()
        self._thread = Thread(target=self._follow, name="follower", daemon=True)

    @property
    def control(self) -> Control:
        """At most as old as one reading takes."""
        return self._control

    def start(self) -> Self:
        self._thread.start()
        return self

    def stop(self) -> None:
        """Returns at once; a reading that is under way is nobody's concern any more."""
        self._over.set()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _follow(self) -> None:
        while not self._over.wait(self._interval_s):
            try:
                newest = self._chronicle.control()
                if newest is not self._control:
                    self._control = newest
                    for hear in self._heard:
                        hear(newest)
            except FlywheelError as failure:
                log.warning("the history cannot be read: %s", failure)
