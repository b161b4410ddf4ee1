"""Settings of the service that an operations team drives."""

from typing import Annotated

from pydantic import Field

from flywheel.config.section import Section, Share

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
    endpoint_replicas: Annotated[int, Field(ge=1, le=64)] = 1
    """Processes of the policy endpoint that share its requests."""
    open_metrics: bool = True
    """Whether `/metrics` and the endpoint's need no token, as most Prometheus servers expect; else one that may read,
    at the endpoint any."""
    ray_metrics_port: Annotated[int, Field(ge=0, le=65535)] = 0
    """TCP port of Ray's own metrics on this machine, which Ray opens on every interface; 0: any free one. A cluster
    has its own."""
    webhooks: WebhooksConfig = WebhooksConfig()
    oidc: OidcConfig | None = None
