"""The plane that the service's requests touch, made in the process that answers them."""

import os
from collections.abc import Callable

from flywheel.api.identity import Identify, TokenIdentity
from flywheel.api.plane import Plane, Watch
from flywheel.api.rates import Rates
from flywheel.config import Config
from flywheel.core.control import Control
from flywheel.hosting.keys import BOOTSTRAP, require_token
from flywheel.store.chronicle import RecordedChronicle, utc_now
from flywheel.store.follower import Follower
from flywheel.store.objects import open_objects
from flywheel.store.records import JsonRecords
from flywheel.workshop import Workshop


def open_plane(config: Config, store: str, watch: Watch) -> Plane:
    """StoreError: the store cannot be read. ConfigError: nobody could ask anything."""
    workshop = Workshop(config=config, store=store)
    chronicle = workshop.chronicle
    require_token(chronicle=chronicle, given=os.environ.get(BOOTSTRAP), now=utc_now())
    return Plane(
        store=store,
        config=config,
        chronicle=chronicle,
        records=workshop.records,
        episodes=workshop.episodes,
        labels=workshop.labels,
        policies=workshop.policies,
        watch=watch,
        identify=TokenIdentity(control=following(store), now=utc_now),
        rates=Rates(requests_per_minute=config.control.requests_per_minute),
        now=utc_now,
    )


def identify_on(store: str) -> Identify:
    """Whose a token is, for the policy endpoint: asked at every request, so it never waits for the store."""
    return TokenIdentity(control=following(store), now=utc_now)


def following(store: str) -> Callable[[], Control]:
    """The newest state that could be read, followed for as long as this process lives."""
    chronicle = RecordedChronicle(records=JsonRecords(objects=open_objects(store)))
    follower = Follower(chronicle=chronicle).start()
    return lambda: follower.control
