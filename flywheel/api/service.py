"""The service itself: is it alive, is it ready, and who am I to it."""

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from flywheel.api.guards import Anyone, Desk
from flywheel.api.problems import RequestRefusedError, documented, unguarded
from flywheel.api.route import Route
from flywheel.core.access import Scope
from flywheel.core.errors import StoreError

health = APIRouter(tags=["service"], route_class=Route)
"""Needs no token: who asks is the machinery around."""
router = APIRouter(tags=["service"], route_class=Route)


class Health(BaseModel):
    """That it is well; otherwise the answer is a problem."""

    status: Annotated[Literal["ok"], Field(description="Always ok", examples=["ok"])] = "ok"


class WhoAmI(BaseModel):
    """Who asked."""

    name: Annotated[str, Field(description="As the history names it", examples=["token:alice"])]
    scopes: Annotated[
        list[Scope], Field(description="What it may do, what follows from others too", examples=[["operate", "read"]])
    ]


@health.get("/healthz", responses=unguarded())
def get_health() -> Health:
    """Whether the process answers. It looks at nothing else."""
    return Health()


@health.get("/readyz", responses=unguarded(503))
def get_readiness(plane: Desk) -> Health:
    """Whether the store answers and the history can be read."""
    try:
        plane.chronicle.control()
    except StoreError as failure:
        raise RequestRefusedError(503, str(failure), headers={"Retry-After": "5"}) from failure
    return Health()


@router.get("/whoami", responses=documented())
def get_whoami(who: Anyone) -> WhoAmI:
    """Whose token this is, and what it may do."""
    return WhoAmI(name=who.name, scopes=[scope for scope in Scope if who.may(scope)])
