"""The plane that the service's requests touch, made in the process that answers them."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from flywheel import services
from flywheel.api.identity import Identify, TokenIdentity, first_of
from flywheel.api.oidc import OidcIdentity
from flywheel.api.plane import Plane, Watch
from flywheel.api.rates import Rates
from flywheel.config import Config, OidcConfig
from flywheel.core.control import Control
from flywheel.hosting.keys import BOOTSTRAP, given, require_token
from flywheel.lineage.tracer import Tracer
from flywheel.metrics.state import StateMetrics
from flywheel.service.signing import KEY_VARIABLE, service_key, signing_secret
from flywheel.store.chronicle import RecordedChronicle, utc_now
from flywheel.store.follower import Follower
from flywheel.store.objects import open_objects
from flywheel.store.records import JsonRecords
from flywheel.workshop import Workshop


def open_plane(config: Config, store: str, watch: Watch) -> Plane:
    """StoreError: the store cannot be read. ConfigError: nobody could ask anything."""
    workshop = Workshop(config=config, store=store)
    chronicle = workshop.chronicle()
    require_token(chronicle=chronicle, given=given(BOOTSTRAP), now=utc_now())
    return Plane(
        store=store,
        config=config,
        chronicle=chronicle,
        records=workshop.records,
        episodes=workshop.episodes,
        labels=workshop.labels,
        policies=workshop.policies,
        videos=workshop.videos,
        darkroom=workshop.darkroom(),
        logs=workshop.logs,
        watch=watch,
        metrics=StateMetrics(
            chronicle=chronicle,
            records=workshop.records,
            episodes=workshop.episodes,
            labels=workshop.labels,
            gate_attempts=config.gate.attempts,
        ),
        lineage=Tracer(store=workshop.whole),
        identify=_identity(store, config.control.oidc),
        rates=Rates(requests_per_minute=config.control.requests_per_minute),
        signing_secret=partial(signing_secret, signing_key()),
        now=utc_now,
    )


def _identity(store: str, oidc: OidcConfig | None) -> Identify:
    providers: list[Identify] = [] if oidc is None else [OidcIdentity(**oidc.model_dump())]
    return first_of([TokenIdentity(control=following(store), now=utc_now), *providers])


def signing_key() -> bytes:
    """What the webhooks' secrets derive from. ConfigError: it is no secret, or cannot be kept."""
    return service_key(given=given(KEY_VARIABLE), folder=services.folder())


def identify_on(store: str, oidc: Mapping[str, Any] | None) -> Identify:
    """Whose a token is, for the policy endpoint: asked at every request, so it never waits for the store.

    `oidc`: of the settings that the service was started with, which may be others than those of the store.
    """
    return _identity(store, None if oidc is None else OidcConfig(**oidc))


def following(store: str) -> Callable[[], Control]:
    """The newest state that could be read, followed for as long as this process lives."""
    chronicle = RecordedChronicle(records=JsonRecords(objects=open_objects(store)))
    follower = Follower(chronicle=chronicle).start()
    return lambda: follower.control
