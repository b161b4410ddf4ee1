"""The API as a Ray Serve application."""

from typing import Any

import ray
from fastapi import FastAPI
from ray import serve
from ray.exceptions import RayError

from flywheel import wiring
from flywheel.api.application import create_app
from flywheel.cluster import nodes
from flywheel.config import parse
from flywheel.hosting.description import CONTROL
from flywheel.hosting.plane import open_plane
from flywheel.hosting.service_supervisor import ensure
from flywheel.journal import Progress
from flywheel.logs import output

ANSWER_TIMEOUT_S = 1.0


class RayWatch:
    """`api.plane.Watch` on the supervisor's actor."""

    def __init__(self, supervisor: Any) -> None:
        self._supervisor = supervisor

    def progress(self) -> Progress | None:
        try:
            found: Progress | None = ray.get(self._supervisor.progress.remote(), timeout=ANSWER_TIMEOUT_S)
            return found
        except RayError:  # It starts, or starts again: nobody knows how far what it turns is.
            return None

    def metrics(self) -> str | None:
        try:
            text: str = ray.get(self._supervisor.metrics.remote(), timeout=ANSWER_TIMEOUT_S)
            return text
        except RayError:
            return None

    def nudge(self) -> None:
        self._supervisor.nudge.remote()


def application(args: dict[str, Any]) -> Any:
    """For Serve's declarative config. `config`: plain values; `store`: its URL.

    ConfigError, in its processes: the store is another configuration's. StoreError.
    """
    config, store = parse(args["config"], origin="serve config"), args["store"]

    def build() -> FastAPI:
        output.start("api")
        wiring.take(config, store)  # Before there is a supervisor that would work on another's store.
        return create_app(open_plane(config, store, RayWatch(ensure(args))))

    deployment: Any = serve.deployment(
        name=CONTROL,
        ray_actor_options={"num_cpus": 0, "label_selector": nodes.for_role(nodes.SERVE)},
        max_ongoing_requests=256,
        graceful_shutdown_timeout_s=2.0,
        graceful_shutdown_wait_loop_s=0.1,
    )(serve.ingress(build)())
    return deployment.bind()
