"""Settings: the configuration that the store belongs to, as it is recorded."""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from flywheel.api.guards import Desk, Reader
from flywheel.api.problems import documented
from flywheel.api.route import Route
from flywheel.core.code_version import CODE_VERSION

router = APIRouter(tags=["config"], route_class=Route)


class ConfigView(BaseModel):
    """One flywheel."""

    store: Annotated[str, Field(description="Where everything is kept", examples=["s3://robots/tabletop"])]
    flywheel: Annotated[str, Field(description="The version of the program that answers", examples=["0.1.0"])]
    settings: Annotated[
        dict[str, Any],
        Field(
            description="Every setting, with defaults; an iteration's overrides have the same shape",
            examples=[{"name": "tabletop", "seed": 0, "collect": {"episodes_per_task": 50}}],
        ),
    ]


@router.get("/config", responses=documented())
def get_config(plane: Desk, who: Reader) -> ConfigView:
    """The configuration. It does not change while the service runs."""
    return ConfigView(store=plane.store, flywheel=CODE_VERSION, settings=plane.config.model_dump(mode="json"))
