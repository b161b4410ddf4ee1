"""Deployments: which policy version was live when, by whom and why."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from flywheel.client.wire import Wire


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """One change of the live version."""

    number: int
    policy_id: str
    previous: str | None = None
    """What was live before."""
    at: str
    by: str
    how: str
    """policy.promoted or policy.rolled_back."""
    reason: str = ""
    iteration: int | None = None
    """The one whose gate decided; None: a person did."""


class Deployments:
    """`/v1/deployments`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def get(self, number: int) -> Deployment:
        return self._wire.get(Deployment, "deployments", number)

    def all(self, *, policy_id: str | None = None, at: datetime | str | None = None) -> Iterator[Deployment]:
        """The newest first. `at`: only the one in force at a time with a time zone, which says what was live then."""
        moment = at.isoformat() if isinstance(at, datetime) else at
        return self._wire.pages(Deployment, "deployments", params={"policy_id": policy_id, "at": moment})

    def live(self) -> Deployment | None:
        """The newest; None: nothing was deployed yet."""
        return next(self.all(), None)

    def roll_back(self, policy_id: str | None = None, *, reason: str, key: str | None = None) -> Deployment:
        """Makes an earlier version live again: the one before the live one, or a named one that was live once."""
        body = {"policy_id": policy_id, "reason": reason}
        return self._wire.post(Deployment, "deployments", ":rollback", body=body, key=key)
