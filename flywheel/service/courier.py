"""Courier: delivers entries to one webhook, in their order, each until it is delivered or given up."""

import json
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from queue import SimpleQueue
from threading import Event, Thread
from typing import Final, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_result, wait_random_exponential
from tenacity.nap import sleep_using_event

from flywheel.core.delivery import Delivery, DeliveryState, deliveries_of, delivery_key
from flywheel.core.entry import Entry
from flywheel.core.errors import RecordExistsError, StoreError
from flywheel.core.webhook import Webhook
from flywheel.ports import Records, nothing
from flywheel.service.posting import Answer, Poster
from flywheel.service.signing import signature

FEWEST_ATTEMPTS: Final = 5
"""Before an entry is given up, however old it is and whatever the receiver says."""
STORE_PAUSE_S: Final = 5.0
"""Before a store is asked again that did not answer."""

Result = TypeVar("Result")

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Perseverance:
    """How long an entry is tried. Pauses are random, up to a limit that doubles with each attempt."""

    patience_s: float
    """Age of an entry after which it is given up."""
    first_pause_s: float = 2.0
    longest_pause_s: float = 300.0


class Courier:
    """One webhook's thread and its queue: a receiver that is dead delays nobody else's deliveries."""

    def __init__(
        self,
        webhook: Webhook,
        *,
        secret: str,
        records: Records,
        poster: Poster,
        perseverance: Perseverance,
        now: Callable[[], str],
        gave_up: Callable[[], None] = nothing,
    ) -> None:
        self.webhook = webhook
        self._secret, self._records, self._poster, self._now = secret, records, poster, now
        self._perseverance, self._gave_up = perseverance, gave_up
        self._queue: SimpleQueue[Entry | None] = SimpleQueue()
        self._next = webhook.since + 1
        self._stopped = Event()
        self._thread = Thread(target=self._run, name=f"webhook {webhook.name}", daemon=True)

    @property
    def works(self) -> bool:
        """Whether its thread does."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Its thread."""
        self._thread.start()

    def offer(self, entries: Sequence[Entry]) -> None:
        """All that the chronicle holds: takes what is new and wanted."""
        for entry in entries[self._next :]:
            if self.webhook.wants(entry):
                self._queue.put(entry)
        self._next = len(entries)

    def stop(self) -> None:
        """No further attempt. What is not recorded is tried again by who starts next."""
        self._stopped.set()
        self._queue.put(None)

    def join(self, timeout_s: float) -> None:
        """Waits for an attempt that is under way."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        done = self._persist(lambda: set(self._records.keys(deliveries_of(self.webhook.name)))) or set()
        while (entry := self._queue.get()) is not None and not self._stopped.is_set():
            if delivery_key(self.webhook.name, entry.number) not in done:
                self._deliver(entry)

    def _deliver(self, entry: Entry) -> None:
        retrying = Retrying(
            retry=retry_if_result(lambda answer: not answer.accepted),
            wait=wait_random_exponential(
                multiplier=self._perseverance.first_pause_s, max=self._perseverance.longest_pause_s
            ),
            stop=lambda state: self._stopped.is_set() or self._is_hopeless(entry, state),
            sleep=sleep_using_event(self._stopped),
            retry_error_callback=_answer,
        )
        answer = retrying(self._attempt, entry)
        if not answer.accepted and self._stopped.is_set():
            return
        delivery = Delivery(
            webhook=self.webhook.name,
            entry=entry.number,
            state=DeliveryState.DELIVERED if answer.accepted else DeliveryState.GIVEN_UP,
            attempts=retrying.statistics["attempt_number"],
            status=answer.status,
            problem=answer.problem,
            at=self._now(),
        )
        if not answer.accepted:
            log.warning("webhook %s: entry %d is given up: %s", delivery.webhook, delivery.entry, delivery.problem)
            self._gave_up()
        self._persist(lambda: self._record(delivery))

    def _attempt(self, entry: Entry) -> Answer:
        """Signed anew each time: a receiver may refuse what was signed long ago."""
        if self._stopped.is_set():  # While it paused.
            return Answer(problem="stopped")
        body = payload(entry)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "flywheel",
            "Flywheel-Event": str(entry.action),
            "Flywheel-Delivery": f"{self.webhook.name}/{entry.number}",
            "Flywheel-Signature": signature(self._secret, body, at=int(_time(self._now()))),
        }
        return self._poster.post(self.webhook.url, body, headers=headers)

    def _is_hopeless(self, entry: Entry, state: RetryCallState) -> bool:
        if state.attempt_number < FEWEST_ATTEMPTS:
            return False
        return _answer(state).refused or _time(self._now()) - _time(entry.at) > self._perseverance.patience_s

    def _record(self, delivery: Delivery) -> bool:
        with suppress(RecordExistsError):  # Another process delivered it too.
            self._records.write(delivery_key(delivery.webhook, delivery.entry), delivery.plain)
        return True

    def _persist(self, ask: Callable[[], Result]) -> Result | None:
        """Until the store answers. None: stopped before it did."""
        while not self._stopped.is_set():
            try:
                return ask()
            except StoreError as failure:
                log.warning("webhook %s: %s", self.webhook.name, failure)
                self._stopped.wait(STORE_PAUSE_S)
        return None


def payload(entry: Entry) -> bytes:
    """What a receiver is sent: the entry as the audit shows it."""
    shown = {name: value for name, value in entry.plain.items() if name != "claim"}
    return json.dumps(shown, ensure_ascii=False, separators=(",", ":")).encode()


def _answer(state: RetryCallState) -> Answer:
    """Of the last attempt."""
    assert state.outcome is not None
    answer: Answer = state.outcome.result()
    return answer


def _time(rfc3339: str) -> float:
    return datetime.fromisoformat(rfc3339).timestamp()
