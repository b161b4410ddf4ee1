"""Settings of the service that an operations team drives."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from flywheel.config.section import Count, Section, Share
from flywheel.core.episode import Outcome

Hours = Annotated[float, Field(gt=0.0)]


class OidcConfig(Section):
    """Who else may come in: bearers of JSON Web Tokens of an OpenID Connect provider."""

    issuer: str
    """As in the tokens' `iss`; its keys are found at `<issuer>/.well-known/openid-configuration`."""
    audience: str
    """As in the tokens' `aud`."""
    scopes_claim: str = "scope"
    """The claim with the scopes, a list or separated by blanks."""
    scopes_prefix: str = "flywheel:"
    """What the names of our scopes begin with there: `flywheel:operate`."""
    leeway_s: Annotated[float, Field(ge=0.0, le=300.0)] = 30.0
    """How far the issuer's clock may be from ours."""


class WebhooksConfig(Section):
    """How those outside are told of what happened."""

    timeout_s: Annotated[float, Field(gt=0.0)] = 10.0
    """How long an attempt waits for the receiver's next byte."""
    patience_hours: Hours = 24.0
    """Age of an entry after which no further attempt is made to deliver it."""
    allow_link_local: bool = False
    """Deliver to link-local addresses and those of clouds' metadata services too, where credentials can be had."""


class Filmed(StrEnum):
    """Which of the policy's own episodes become videos without being asked for."""

    NONE = "none"
    FAILURES = "failures"
    ALL = "all"
    """Failures first."""


class VideosConfig(Section):
    """Episodes to look at. Any can be asked for at any time; making one takes seconds of a core."""

    filmed: Filmed = Filmed.NONE
    """Of each iteration's collection and evaluation, once both are over: `none`, `failures`, or `all`."""
    per_task: Count = 3
    """At most so many of each task in each iteration, those of the evaluation first."""
    queue: Count = 8
    """Videos that may wait in one process of the service; who asks for another is told to come back."""

    def wants(self, outcome: Outcome) -> bool:
        """Whether an episode that ended so is filmed without being asked for."""
        return self.filmed is Filmed.ALL or (self.filmed is Filmed.FAILURES and outcome is Outcome.FAILURE)


class ControlConfig(Section):
    """The REST API and the service behind it."""

    host: str = "127.0.0.1"
    """Address that the API and the policy endpoint listen on."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """TCP port of the API and the policy endpoint; 0: any free one."""
    max_queued: Annotated[int, Field(ge=0)] = 16
    """Iterations that may wait while one runs; 0: a second one is refused."""
    stage_timeout_hours: Hours = 24.0
    """After which a stage is stopped and its iteration has failed."""
    requests_per_minute: Annotated[int, Field(ge=1)] = 600
    """Of one principal; those without a valid token share a tenth of it per address."""
    failed_episodes_rate: Share = 0.2
    """Share of the episodes of a collect or evaluate stage that may end by an error before webhooks are told."""
    videos: VideosConfig = VideosConfig()
    endpoint_replicas: Annotated[int, Field(ge=1, le=64)] = 1
    """Processes of the policy endpoint that share its requests."""
    endpoint_replicas_per_node: Annotated[int, Field(ge=1, le=64)] | None = None
    """Most of them on one machine of a cluster. Those that find no machine wait for one, and the others answer. Without
    it they may all be on the same."""
    open_metrics: bool = True
    """Whether `/metrics` and the endpoint's need no token, as most Prometheus servers expect; else one that may read,
    at the endpoint any."""
    ray_metrics_port: Annotated[int, Field(ge=0, le=65535)] = 0
    """TCP port of Ray's own metrics on this machine, which Ray opens on every interface; 0: any free one at each start.
    A cluster has its own."""
    webhooks: WebhooksConfig = WebhooksConfig()
    oidc: OidcConfig | None = None
