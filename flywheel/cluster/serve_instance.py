"""The Serve of a Ray, of which there is one, whoever started it: what it runs, and its end."""

from collections.abc import Mapping
from contextlib import suppress
from time import monotonic, sleep
from typing import Any

import ray
from ray import serve
from ray.exceptions import RayActorError
from ray.serve._private.constants import SERVE_CONTROLLER_NAME, SERVE_NAMESPACE
from ray.serve.context import _get_global_client
from ray.serve.exceptions import RayServeException

from flywheel.core.errors import ConfigError

APPLICATION = "flywheel"
"""Serve's name of a policy endpoint."""
END_TIMEOUT_S = 30.0
POLL_INTERVAL_S = 0.05


def client() -> Any:
    """Of the Serve that runs on this Ray."""
    return _get_global_client()


def check_free(store: str) -> None:
    """ConfigError: Serve on this Ray runs something that an endpoint of its own for the store would end."""
    if not _is_up():
        return
    applications = client().get_serve_details()["applications"]
    foreign = sorted(name for name, found in applications.items() if _served(found) != store)
    if foreign:
        raise ConfigError(
            f"Ray Serve runs {', '.join(foreign)} there, which an endpoint for {store} would end: take another Ray "
            "cluster, or end them with `serve shutdown`"
        )


def _served(application: Mapping[str, Any]) -> str | None:
    """The store of a policy endpoint; None: it is none. One that is left of a run that was killed is taken over."""
    args = (application.get("deployed_app_config") or {}).get("args") or {}
    store: str | None = args.get("policies", {}).get("arguments", {}).get("store")
    return store


def end_serve() -> None:
    """Returns when Serve has ended.

    Not by `serve.shutdown` alone: it waits for an answer that never comes, and Ray prints that as a failed task.
    """
    if not _is_up():
        return
    with suppress(RayActorError, RayServeException):  # It is gone already.
        ray.get(client()._controller.graceful_shutdown.remote(wait=False))
    deadline = monotonic() + END_TIMEOUT_S
    while _is_up() and monotonic() < deadline:
        sleep(POLL_INTERVAL_S)
    serve.shutdown()


def _is_up() -> bool:
    """Whether Serve runs on this Ray, whoever started it."""
    try:
        ray.get_actor(SERVE_CONTROLLER_NAME, namespace=SERVE_NAMESPACE)
    except ValueError:
        return False
    return True
