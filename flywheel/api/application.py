"""The application: its routers, in the order of the document."""

from functools import partial

from fastapi import FastAPI

from flywheel.api import (
    campaigns,
    console,
    datasets,
    deployments,
    entries,
    episodes,
    iterations,
    logs,
    metrics,
    pairs,
    policies,
    problems,
    schedules,
    service,
    settings,
    success_rates,
    tasks,
    tokens,
    videos,
    webhooks,
)
from flywheel.api.document import document, operation_id
from flywheel.api.plane import Plane
from flywheel.core.code_version import CODE_VERSION

DESCRIPTION = """
Improves control policies with their own experience. An **iteration** collects episodes with the live policy version,
labels them, trains a candidate, judges it against the live version, and deploys it if the gate says promote.

Whatever is asked for becomes an entry of one ordered history, which is the audit too. Errors are
`application/problem+json`. Times are RFC 3339 in UTC. Lists come in pages: `page_token` is the `next_page_token` of
the page before. Requests that start work need an `Idempotency-Key` and answer 202 with the `Location` of what they
made. Answers to GET carry an `ETag`; changes that take `If-Match` are refused with 412 if it no longer holds.

Every request needs a bearer token, but for `/healthz`, `/readyz`, this document, `/v1/openapi.json`, the files of the
web console at `/`, and `/metrics`, for Prometheus, unless the configuration closes it.
"""
ROUTERS = (
    iterations.router,
    logs.router,
    pairs.router,
    campaigns.router,
    schedules.router,
    policies.router,
    deployments.router,
    episodes.router,
    videos.router,
    tasks.router,
    success_rates.router,
    datasets.router,
    entries.router,
    settings.router,
    tokens.router,
    webhooks.router,
    service.router,
)


def create_app(plane: Plane) -> FastAPI:
    """The REST API over one store."""
    app = FastAPI(
        title="Flywheel",
        version=CODE_VERSION,
        description=DESCRIPTION,
        redirect_slashes=False,
        openapi_url="/v1/openapi.json",
        # The pages that FastAPI has for people load scripts from elsewhere, which an air-gapped cluster cannot.
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=operation_id,
    )
    app.state.plane = plane
    app.openapi = partial(document, app)  # type: ignore[method-assign]
    problems.install(app)
    for router in ROUTERS:
        app.include_router(router, prefix="/v1")
    app.include_router(service.health)
    app.include_router(metrics.router)
    console.install(app)
    return app
