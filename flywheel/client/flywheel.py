"""Flywheel: a running service, from Python."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from flywheel.client.address import find_address
from flywheel.client.campaigns import Campaigns
from flywheel.client.datasets import Datasets
from flywheel.client.deployments import Deployments
from flywheel.client.entries import Entry
from flywheel.client.episodes import Episodes
from flywheel.client.iterations import Iterations
from flywheel.client.policies import Policies
from flywheel.client.schedules import Schedules
from flywheel.client.tasks import SuccessRate, Tasks
from flywheel.client.tokens import Tokens, WhoAmI
from flywheel.client.webhooks import Webhooks
from flywheel.client.wire import Wire


@dataclass(frozen=True, kw_only=True)
class ServiceConfig:
    """What a service works with."""

    store: str
    """Where everything is kept."""
    flywheel: str
    """The version of the program that answers."""
    settings: Mapping[str, Any]
    """Every setting, with defaults; overrides have the same shape."""


class Flywheel:
    """A running service. Safe to use from several threads.

    Without arguments: FLYWHEEL_URL and FLYWHEEL_TOKEN (or FLYWHEEL_TOKEN_FILE), otherwise the service that runs on
    this machine. Requests that failed on their way, or came too often, are repeated for `timeout_s` seconds under one
    idempotency key, so nothing is done twice.

    ConfigError: no token, or one of several services must be chosen. Of every method: ApiError, in the service's own
    words; UnreachableError.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        token_file: Path | str | None = None,
        service: str | None = None,
        timeout_s: float = 30.0,
    ) -> None:
        """`service`: by its name, one of several on this machine."""
        address = find_address(url=url, token=token, token_file=token_file, service=service)
        self.url = address.url
        wire = Wire(address=address, timeout_s=timeout_s)
        self._wire = wire
        self.iterations = Iterations(wire)
        self.campaigns = Campaigns(wire, self.iterations)
        self.schedules = Schedules(wire)
        self.deployments = Deployments(wire)
        self.policies = Policies(wire)
        self.episodes = Episodes(wire)
        self.tasks = Tasks(wire)
        self.datasets = Datasets(wire)
        self.tokens = Tokens(wire)
        self.webhooks = Webhooks(wire)

    def whoami(self) -> WhoAmI:
        """Whose token this client has."""
        return self._wire.get(WhoAmI, "whoami")

    def config(self) -> ServiceConfig:
        """What the service's iterations are made with. It does not change while it runs."""
        return self._wire.get(ServiceConfig, "config")

    def success_rates(
        self, *, policy: str | None = None, task: str | None = None, source: str | None = None
    ) -> Iterator[SuccessRate]:
        """Over all episodes, by version, task and source; later versions come first."""
        wanted = {"policy": policy, "task": task, "source": source}
        return self._wire.pages(SuccessRate, "success-rates", params=wanted)

    def audit(self, *, by: str | None = None, action: str | None = None, subject: str | None = None) -> Iterator[Entry]:
        """Everything that was asked for and decided, the newest first."""
        return self._wire.pages(Entry, "audit", params={"by": by, "action": action, "subject": subject})

    def close(self) -> None:
        self._wire.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Flywheel({self.url!r})"
