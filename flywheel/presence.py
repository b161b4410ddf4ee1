"""Presence: who turns an iteration shows that it lives, and those who could go on with it look whether it still does.

No clocks are compared: who looks sees, by its own clock, for how long nothing has changed. Whose an iteration is, only
the chronicle says; presence says when it may be asked for.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import Event, Thread
from time import monotonic

from flywheel.core.errors import FlywheelError, NotFoundError, StoreError
from flywheel.services import is_alive
from flywheel.store import layout
from flywheel.store.objects import Objects
from flywheel.store.sealed import seal, unseal, writer_of

BEAT_S = 5.0
"""Between two signs of life."""
GONE_AFTER_S = 20.0
"""Without one, somebody else goes on."""


class StoredPresence:
    """`driver.Presence` in the store: an object per process that turns, replaced at every beat. For one thread."""

    def __init__(
        self,
        *,
        objects: Objects,
        owner: str,
        beat_s: float = BEAT_S,
        gone_after_s: float = GONE_AFTER_S,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """`owner`: this process, as the chronicle names it."""
        self._objects, self._owner, self._clock = objects, owner, clock
        self._beat_s, self._gone_after_s = beat_s, gone_after_s
        self._seen: tuple[str, bytes, float] | None = None
        """Whose presence was last looked at, how it was, and since when."""

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Within the block. StoreError: it cannot be shown."""
        over = Event()
        self._beat(0)
        thread = Thread(target=self._go_on, args=(over,), name="presence", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            self.forget(self._owner)

    def lives(self, owner: str) -> bool:
        """False: it left in order, its process is known to have ended, or it gave no sign for so long. StoreError."""
        key = layout.presence(owner)
        try:
            found = self._objects.get(key)
        except NotFoundError:
            return False
        except StoreError:
            self._seen = None  # Neither could it give a sign.
            raise
        writer = writer_of(found, name=key)
        if writer is not None and unseal(found, name=key)["place"] == _place() and not is_alive(writer.pid):
            return False
        if self._seen is None or self._seen[:2] != (owner, found):
            self._seen = owner, found, self._clock()
        return self._clock() - self._seen[2] < self._gone_after_s

    def left(self, owner: str) -> bool:
        """Whether it ended in order, or never showed itself. StoreError."""
        try:
            self._objects.get(layout.presence(owner))
        except NotFoundError:
            return True
        return False

    def forget(self, owner: str) -> None:
        """Of a process that turns nothing any more. The store may be away: then it is there in vain."""
        try:
            self._objects.delete(layout.presence(owner))
        except FlywheelError:
            return

    def _go_on(self, over: Event) -> None:
        number = 0
        while not over.wait(self._beat_s):
            number += 1
            try:
                self._beat(number)
            except FlywheelError:  # The store is away, for the others too perhaps.
                continue

    def _beat(self, number: int) -> None:
        key = layout.presence(self._owner)
        self._objects.put(key, seal({"beat": number, "place": _place()}, name=key))


@cache
def _place() -> str:
    """Where process ids mean the same: this boot of this machine, in this container."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:  # A system without /proc: no process but this one is known there.
        return f"process {os.getpid()}"
