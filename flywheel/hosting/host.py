"""Host: one life of the service on this machine: a Ray in place, and what runs on it until it is told to end.

    python -m flywheel.hosting.host FILE

FILE holds the configuration and the store. It ends with exit code 1 when Ray dies: who started it starts it again.
"""

import json
import logging
import os
import signal
import sys
from pathlib import Path
from threading import Event
from typing import Any

from ray import serve
from ray.serve.context import _get_global_client
from ray.serve.schema import ServeDeploySchema

from flywheel import wiring
from flywheel.cluster.serving import end_serve
from flywheel.cluster.session import RaySession
from flywheel.config import Config, parse
from flywheel.hosting.description import control_application

log = logging.getLogger(__name__)


def host(config: Config, store: str) -> None:
    """Until SIGTERM or SIGINT comes. FlywheelError: Ray does not start."""
    over = Event()
    places, gpus = wiring.num_places(config.resources), wiring.num_gpus(config.resources)
    session = RaySession(num_cpus=places, num_gpus=gpus, metrics_port=config.control.ray_metrics_port or None)
    with session, session.watched(_leave):
        options = {"host": config.control.host, "port": config.control.port}
        serve.start(http_options=options, logging_config={"log_level": "ERROR"})
        applications = {"applications": [control_application(config, store)]}
        client: Any = _get_global_client()
        client.deploy_apps(ServeDeploySchema.model_validate(applications))
        # Not earlier: Ray installs handlers of its own as it starts.
        for stop in (signal.SIGTERM, signal.SIGINT):
            signal.signal(stop, lambda *_: over.set())
        over.wait()
        end_serve()


def _leave(gone: str) -> None:
    """At once: nothing that waits for Ray would come back, and the reaper ends what is left of it."""
    log.error("Ray died: its %s is gone", gone)
    os._exit(1)


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    asked = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    host(parse(asked["config"], origin=sys.argv[1]), asked["store"])


if __name__ == "__main__":
    main()
