"""Webhooks: who outside is told of what, and how that went."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flywheel.client.wire import Wire
from flywheel.core.errors import ApiUnknownError


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """An address outside and what it is told of."""

    name: str
    url: str
    actions: tuple[str, ...]
    created_by: str
    created_at: str
    since: int
    """Entries of the history after this one are told."""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """How it went to tell a webhook of an entry."""

    entry: int
    """The entry's number."""
    action: str
    delivered: bool
    """False: it was tried as often as it may be."""
    attempts: int
    status: int | None = None
    """HTTP status of the last answer; None: nobody answered."""
    error: str = ""
    finished_at: str


class Webhooks:
    """`/v1/webhooks`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def create(self, name: str, url: str, actions: Sequence[str], *, key: str | None = None) -> Webhook:
        """Has an address told of these actions from now on."""
        body = {"name": name, "url": url, "actions": list(actions)}
        return self._wire.post(Webhook, "webhooks", body=body, key=key)

    def get(self, name: str) -> Webhook:
        return self._wire.get(Webhook, "webhooks", name)

    def all(self) -> Iterator[Webhook]:
        """By name."""
        return self._wire.pages(Webhook, "webhooks")

    def deliveries(self, name: str) -> Iterator[Delivery]:
        """What it was told, and what nobody could tell it; the newest first."""
        return self._wire.pages(Delivery, "webhooks", name, "deliveries")

    def delete(self, name: str) -> None:
        self._wire.end("DELETE", "webhooks", name, ended=ApiUnknownError)
