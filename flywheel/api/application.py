"""The application: its routers, in the order of the document."""

from fastapi import FastAPI

from flywheel.api import entries, iterations, problems
from flywheel.api.plane import Plane
from flywheel.core.code_version import CODE_VERSION

DESCRIPTION = """
Improves control policies with their own experience. An **iteration** collects episodes with the live policy version,
labels them, trains a candidate, judges it against the live version, and deploys it if the gate says promote.

Whatever is asked for becomes an entry of one ordered history, which is the audit too. Errors are
`application/problem+json`. Times are RFC 3339 in UTC. Lists come in pages: `page_token` is the `next_page_token` of
the page before. Requests that start work need an `Idempotency-Key` and answer 202 with the `Location` of what they
made.
"""


def create_app(plane: Plane) -> FastAPI:
    """The REST API over one store."""
    app = FastAPI(title="Flywheel", version=CODE_VERSION, description=DESCRIPTION, redirect_slashes=False)
    app.state.plane = plane
    problems.install(app)
    for router in (iterations.router, entries.router):
        app.include_router(router, prefix="/v1")
    return app
