"""Description: what Ray Serve is asked to run, in one place, because Serve ends whatever a description leaves out."""

from collections.abc import Mapping
from typing import Any

from flywheel.cluster.made import Made
from flywheel.config import Config

CONTROL = "control"
"""The API's application and deployment."""
IDENTIFY = "flywheel.hosting.plane:identify_on"
"""How the policy endpoint's processes know whose a token is."""
BUILDER = "flywheel.hosting.control_app:application"


def control_application(config: Config, store: str) -> dict[str, Any]:
    """The API. It starts the supervisor, which adds the policy endpoint."""
    return control_with({"config": config.model_dump(mode="json"), "store": store})


def control_with(args: Mapping[str, Any]) -> dict[str, Any]:
    """The API with these arguments as they are: Serve starts it anew where 2.0 became 2, or a default was added."""
    return {"name": CONTROL, "route_prefix": "/", "import_path": BUILDER, "args": dict(args)}


def identify(config: Config, store: str) -> Made:
    """As the API does, by the settings that this service was started with."""
    oidc = config.control.oidc
    return Made(function=IDENTIFY, arguments={"store": store, "oidc": None if oidc is None else oidc.model_dump()})


def serve_config(config: Config, store: str) -> dict[str, Any]:
    """The whole of Ray Serve's declarative config, for `serve deploy` or a RayService."""
    return {
        "proxy_location": "EveryNode",
        "http_options": {"host": "0.0.0.0", "port": config.control.port},
        "applications": [control_application(config, store)],
    }
