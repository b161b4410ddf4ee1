"""Delivery: how it went to tell a webhook of an entry. Recorded once, when it was delivered or given up."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

DELIVERIES: Final = "deliveries/"
"""Prefix of the records of deliveries."""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One entry, told to one webhook."""

    webhook: str
    entry: int
    """The entry's number."""
    action: str
    delivered: bool
    """False: it was tried as often as it may be."""
    attempts: int
    status: int | None
    """HTTP status of the last answer; None: nobody answered."""
    error: str
    """Of the last attempt; empty where it was delivered."""
    finished_at: str
    """RFC 3339."""

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Self:
        """From its record."""
        return cls(**{name: record[name] for name in cls.__dataclass_fields__})

    @property
    def plain(self) -> dict[str, Any]:
        """As it is recorded."""
        return asdict(self)


def deliveries_to(webhook: str) -> str:
    """Prefix of the records of one webhook."""
    return f"{DELIVERIES}{webhook}/"


def delivery_key(webhook: str, entry: int) -> str:
    """Where a delivery is recorded."""
    return f"{deliveries_to(webhook)}{entry:08d}"
