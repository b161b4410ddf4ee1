"""Duties: what the supervisor looks after beside the wheel, and the endpoint that it shares with the API's Serve."""

from collections.abc import Callable, Mapping
from typing import Any

from flywheel import wiring
from flywheel.cluster.serving import Neighbourhood, ServeEndpoint
from flywheel.config import Config, Filmed
from flywheel.hosting.description import control_with, identify
from flywheel.hosting.plane import signing_key
from flywheel.ports import Chronicle, Endpoint
from flywheel.service.campaigns import Campaigns
from flywheel.service.courier import Perseverance
from flywheel.service.deliveries import Deliveries
from flywheel.service.driver import SUPERVISOR
from flywheel.service.failures import Failures
from flywheel.service.footage import Footage
from flywheel.service.posting import Poster
from flywheel.service.schedules import Schedules
from flywheel.service.steering import Steering
from flywheel.store.chronicle import utc_now
from flywheel.workshop import Workshop


def endpoint_of(config: Config, store: str, api: Mapping[str, Any]) -> ServeEndpoint:
    """Beside the API, on the same port. `api`: the arguments of its application, as Serve was given them."""
    control = config.control
    return ServeEndpoint(
        policies=wiring.POLICIES,
        store=store,
        host=control.host,
        port=control.port,
        neighbours=Neighbourhood(identify=identify(config, store), applications=[control_with(api)]),
        num_replicas=control.endpoint_replicas,
        replicas_per_node=control.endpoint_replicas_per_node,
        meter=wiring.METER,
        open_metrics=control.open_metrics,
    )


def ticks_of(
    workshop: Workshop, chronicle: Chronicle, endpoint: Endpoint, *, owner: str
) -> tuple[Callable[[], object], ...]:
    """Each looks at the chronicle, and takes the step that is due. `owner`: this process, as the chronicle names it."""
    control = workshop.config.control
    asking: Any = {
        "chronicle": chronicle,
        "records": workshop.records,
        "now": utc_now,
        "max_queued": control.max_queued,
    }
    return (
        Steering(chronicle=chronicle, endpoint=endpoint, by=SUPERVISOR, owner=owner).tick,
        Campaigns(**asking).tick,
        Schedules(**asking).tick,
        Failures(chronicle=chronicle, records=workshop.records, allowed=control.failed_episodes_rate).tick,
        *_footage_of(workshop, chronicle),
    )


def deliveries_of(workshop: Workshop, chronicle: Chronicle, gave_up: Callable[[], None]) -> Deliveries:
    """To webhooks. ConfigError: there is no key to sign them with."""
    webhooks = workshop.config.control.webhooks
    return Deliveries(
        chronicle=chronicle,
        records=workshop.records,
        key=signing_key(),
        poster=Poster(timeout_s=webhooks.timeout_s, allow_link_local=webhooks.allow_link_local),
        perseverance=Perseverance(patience_s=webhooks.patience_hours * 3600, grace_s=3 * webhooks.timeout_s),
        now=utc_now,
        gave_up=gave_up,
    )


def _footage_of(workshop: Workshop, chronicle: Chronicle) -> list[Callable[[], None]]:
    """The tick that has episodes filmed, where the settings want any."""
    videos = workshop.config.control.videos
    if videos.filmed is Filmed.NONE:
        return []
    footage = Footage(
        chronicle=chronicle,
        episodes=workshop.episodes,
        videos=workshop.videos,
        darkroom=workshop.darkroom(),
        wanted=videos.wants,
        per_task=videos.per_task,
    )
    return [footage.tick]
