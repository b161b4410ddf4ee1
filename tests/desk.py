"""A plane over a store, with a token per scope, and clients of its application that never leave this process."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from flywheel.api.application import create_app
from flywheel.api.identity import TokenIdentity
from flywheel.api.plane import Plane
from flywheel.api.rates import Rates
from flywheel.config import Config
from flywheel.core.access import Scope, digest_of, new_secret
from flywheel.core.commands import tokens
from flywheel.journal import Progress
from flywheel.lineage.tracer import Tracer
from flywheel.metrics.state import StateMetrics
from flywheel.service.signing import signing_secret
from flywheel.store.chronicle import RecordedChronicle, utc_now
from flywheel.workshop import Workshop

SIGNING_KEY = b"a key of thirty-two bytes or more"


@dataclass
class StillWatch:
    """Nobody turns the wheel; remembers that it was nudged."""

    seen: Progress | None = None
    nudges: int = 0
    counted: str | None = None

    def progress(self) -> Progress | None:
        return self.seen

    def metrics(self) -> str | None:
        return self.counted

    def nudge(self) -> None:
        self.nudges += 1


@dataclass
class Desk:
    """A plane and clients of its application."""

    plane: Plane
    watch: StillWatch
    secrets: dict[Scope, str] = field(default_factory=dict)

    def client(self, scope: Scope | None = Scope.ADMIN, *, raising: bool = True) -> TestClient:
        headers = {} if scope is None else {"Authorization": f"Bearer {self.secrets[scope]}"}
        return TestClient(create_app(self.plane), headers=headers, raise_server_exceptions=raising)


def keyed(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


def open_plane(
    folder: Path | str, config: Config, *, now: Callable[[], str] = utc_now, requests_per_minute: int = 100_000
) -> tuple[Plane, StillWatch]:
    """Over whatever is there."""
    workshop = Workshop(config=config, store=str(folder))
    chronicle = RecordedChronicle(records=workshop.records, clock=now)
    watch = StillWatch()
    plane = Plane(
        store=str(folder),
        config=config,
        chronicle=chronicle,
        records=workshop.records,
        episodes=workshop.episodes,
        labels=workshop.labels,
        policies=workshop.policies,
        lineage=Tracer(store=workshop.whole),
        watch=watch,
        metrics=StateMetrics(
            chronicle=chronicle,
            records=workshop.records,
            episodes=workshop.episodes,
            labels=workshop.labels,
            gate_attempts=config.gate.attempts,
        ),
        identify=TokenIdentity(control=chronicle.control, now=now),
        rates=Rates(requests_per_minute=requests_per_minute),
        signing_secret=partial(signing_secret, SIGNING_KEY),
        now=now,
    )
    return plane, watch


def open_desk(folder: Path | str, config: Config, **changes: Any) -> Desk:
    """With a token per scope, named like it."""
    plane, watch = open_plane(folder, config, **changes)
    desk = Desk(plane=plane, watch=watch)
    for scope in Scope:
        desk.secrets[scope] = add_token(desk, str(scope), scope)
    return desk


def add_token(desk: Desk, name: str, *scopes: Scope, expires_at: str | None = None) -> str:
    secret = new_secret()
    made: Any = partial(
        tokens.create, name=name, by="command line", scopes=scopes, digest=digest_of(secret), expires_at=expires_at
    )
    desk.plane.chronicle.append(made)
    return secret
