"""Delivery: how it ended that a webhook was to be told of an entry."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final, Self

DELIVERIES: Final = "deliveries/"
"""Prefix of the deliveries' records."""
ATTEMPTS: Final = "attempts/"
"""Prefix of the records of who attempts a delivery."""


class DeliveryState(StrEnum):
    """How it ended. What has no record yet is still to do."""

    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """The end of it, recorded once."""

    webhook: str
    entry: int
    """The entry's number."""
    state: DeliveryState
    attempts: int
    """Of the process that ended it; a restarted service counts anew."""
    status: int | None
    """HTTP status of the last answer; None: there was none."""
    problem: str
    """Why the last attempt failed; empty where it did not."""
    at: str
    """RFC 3339."""

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Self:
        """From its record."""
        return cls(**{**record, "state": DeliveryState(record["state"])})

    @property
    def plain(self) -> dict[str, Any]:
        """As it is recorded."""
        return asdict(self)


def delivery_key(webhook: str, number: int) -> str:
    """Where the delivery of an entry is recorded."""
    return f"{deliveries_of(webhook)}{number:08d}"


def deliveries_of(webhook: str) -> str:
    """Prefix of one webhook's records."""
    return f"{DELIVERIES}{webhook}/"


def attempts_of(webhook: str, number: int) -> str:
    """Prefix of the attempts to deliver an entry; they count from 1."""
    return f"{ATTEMPTS}{webhook}/{number:08d}/"
