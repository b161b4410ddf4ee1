"""Attempts: of several processes that tell one webhook, one makes each attempt: who records it first.

A process that dies between an answer and the record of the delivery leaves an attempt of which nobody knows how it
ended; after a while another is made, and the receiver is told twice under one name.
"""

from collections.abc import Callable
from threading import Event
from time import monotonic

from flywheel.core.delivery import attempts_of, delivery_key
from flywheel.core.errors import RecordExistsError
from flywheel.ports import Records

POLL_S = 1.0


class Attempts:
    """At the deliveries of one webhook, by this process."""

    def __init__(
        self, *, webhook: str, records: Records, grace_s: float, stopped: Event, now: Callable[[], str]
    ) -> None:
        """`grace_s`: after which another's attempt has ended, or its process has."""
        self._webhook, self._records, self._grace_s = webhook, records, grace_s
        self._stopped, self._now = stopped, now
        self._entry, self._newest = -1, 0

    def take(self, entry: int) -> bool:
        """Whether the next attempt at the entry is this process's, once no other may be making one.

        False: the delivery has ended, or somebody said stop. StoreError: the store does not say.
        """
        if entry != self._entry:
            self._entry, self._newest = entry, 0
        while not self._stopped.is_set():
            try:
                key = f"{attempts_of(self._webhook, entry)}{self._newest + 1:06d}"
                self._records.write(key, {"at": self._now()})
                self._newest += 1
                return True
            except RecordExistsError:
                if not self._await_quiet(entry):
                    return False
        return False

    def _await_quiet(self, entry: int) -> bool:
        """Until the newest attempt is old. False: the delivery has ended, or somebody said stop."""
        seen_at = monotonic()
        while self._records.read(delivery_key(self._webhook, entry)) is None:
            keys = self._records.keys(attempts_of(self._webhook, entry))
            newest = max((int(key.rpartition("/")[2]) for key in keys), default=0)
            if newest != self._newest:
                self._newest, seen_at = newest, monotonic()
            left_s = seen_at + self._grace_s - monotonic()
            if left_s <= 0:
                return True
            if self._stopped.wait(min(left_s, POLL_S)):
                return False
        return False
