"""Deliveries: tells webhooks what happened, at least once and in order.

What was delivered, or given up, has a record and is not sent again. A process that dies between the receiver's answer
and the record sends it again after its start, under the same `Flywheel-Delivery`, by which receivers know it.
"""

import logging
from collections.abc import Callable
from threading import Event, Thread

from flywheel.core.errors import StoreError
from flywheel.core.webhook import Webhook
from flywheel.ports import Chronicle, Records, nothing
from flywheel.service.courier import Courier, Perseverance
from flywheel.service.posting import Poster
from flywheel.service.signing import signing_secret

log = logging.getLogger(__name__)


class Deliveries:
    """A thread that reads the chronicle, and one per webhook. One process per store starts it: two would tell twice."""

    def __init__(
        self,
        *,
        chronicle: Chronicle,
        records: Records,
        key: bytes,
        poster: Poster,
        perseverance: Perseverance,
        now: Callable[[], str],
        poll_s: float = 1.0,
        gave_up: Callable[[], None] = nothing,
    ) -> None:
        """`key`: what the webhooks' signing secrets derive from. The poster is closed with it.

        `gave_up` is called for each entry that a webhook will never be told of.
        """
        self._gave_up = gave_up
        self._chronicle, self._records, self._key, self._poster = chronicle, records, key, poster
        self._perseverance, self._now, self._poll_s = perseverance, now, poll_s
        self._couriers: dict[str, Courier] = {}
        self._stopped = Event()
        self._thread = Thread(target=self._run, name="deliveries", daemon=True)

    def start(self) -> None:
        """Begins with what was not delivered yet."""
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Begins no further attempt, and waits for those under way, each at most so long."""
        self._stopped.set()
        self._thread.join(timeout_s)
        for courier in self._couriers.values():
            courier.stop()
        for courier in self._couriers.values():
            courier.join(timeout_s)
        self._poster.close()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._look()
            except StoreError as failure:
                log.warning("webhooks: %s", failure)
            self._stopped.wait(self._poll_s)

    def _look(self) -> None:
        control = self._chronicle.control()
        for name, courier in list(self._couriers.items()):
            if control.webhooks.get(name) != courier.webhook:
                courier.stop()
                del self._couriers[name]
        for name, webhook in control.webhooks.items():
            if name not in self._couriers or not self._couriers[name].works:
                self._couriers[name] = self._engage(webhook)
            self._couriers[name].offer(control.entries)

    def _engage(self, webhook: Webhook) -> Courier:
        courier = Courier(
            webhook,
            secret=signing_secret(self._key, webhook.name),
            records=self._records,
            poster=self._poster,
            perseverance=self._perseverance,
            now=self._now,
            gave_up=self._gave_up,
        )
        courier.start()
        return courier
