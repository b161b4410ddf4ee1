"""Metrics: what Prometheus scrapes. Text of its own format, so it is not in the document of the JSON API."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from flywheel.api.guards import Bearer, Desk, needing, principal
from flywheel.core.access import Scope
from flywheel.metrics.exposition import CONTENT_TYPE

router = APIRouter()
_may_read = needing(Scope.READ)


@router.get("/metrics", include_in_schema=False)
def get_metrics(request: Request, plane: Desk, credentials: Bearer) -> Response:
    """What the store holds, and what the supervisor counts if it answers. `control.open_metrics`: needs no token."""
    if not plane.config.control.open_metrics:
        _may_read(principal(request, plane, credentials))
    live = plane.watch.metrics()
    return Response(plane.metrics.text(supervisor_up=live is not None) + (live or ""), media_type=CONTENT_TYPE)
