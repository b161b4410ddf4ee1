"""Host: one life of the service on this machine: a Ray in place, and what runs on it until it is told to end.

    python -m flywheel.hosting.host FILE

FILE holds the configuration and the store. It ends with exit code 1 when Ray dies: who started it starts it again.
"""

import json
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Event
from typing import Any

import ray
from ray import serve
from ray.serve.context import _get_global_client
from ray.serve.schema import ServeDeploySchema

from flywheel import wiring
from flywheel.cluster.serve_instance import end_serve
from flywheel.cluster.session import RaySession
from flywheel.config import Config, parse
from flywheel.config.control import ControlConfig
from flywheel.hosting.description import control_application
from flywheel.hosting.service_supervisor import dismiss
from flywheel.logs import output

log = logging.getLogger("flywheel.hosting.host")  # As a process of its own, its name is __main__.


def host(config: Config, store: str, targets: Path) -> None:
    """Until SIGTERM or SIGINT comes. FlywheelError: Ray does not start. `targets`: see `targets_file`."""
    over = Event()
    places, gpus = wiring.num_places(config.resources), wiring.num_gpus(config.resources)
    session = RaySession(num_cpus=places, num_gpus=gpus, metrics_port=config.control.ray_metrics_port or None)
    with session, session.watched(_leave):
        output.take_over("ray", "ray.serve")
        options = {"host": config.control.host, "port": config.control.port}
        serve.start(http_options=options, logging_config={"log_level": "ERROR"})
        applications = {"applications": [control_application(config, store)]}
        client: Any = _get_global_client()
        client.deploy_apps(ServeDeploySchema.model_validate(applications))
        # Not earlier: Ray installs handlers of its own as it starts.
        for stop in (signal.SIGTERM, signal.SIGINT):
            signal.signal(stop, lambda *_: over.set())
        targets.write_text(json.dumps(scraped(config.name, config.control, ray.nodes())), encoding="utf-8")
        over.wait()
        targets.unlink(missing_ok=True)
        dismiss()
        end_serve()


def targets_file(asked: Path) -> Path:
    """Of the host that was started with this file: what Prometheus should scrape. JSON, which is YAML too."""
    return asked.with_suffix(".prometheus.yml")


def scraped(name: str, control: ControlConfig, nodes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """As Prometheus's `file_sd_configs` wants it: the API, the policy endpoint, and Ray's own on each of its nodes."""
    ours = f"{control.host}:{control.port}"
    rays = [f"{node['NodeManagerAddress']}:{node['MetricsExportPort']}" for node in nodes if node["Alive"]]
    jobs = {"flywheel": (ours, "/metrics"), "flywheel-endpoint": (ours, "/policy/metrics")}
    return [
        *(
            {"targets": [target], "labels": {"job": job, "flywheel": name, "__metrics_path__": path}}
            for job, (target, path) in jobs.items()
        ),
        {"targets": rays, "labels": {"job": "flywheel-ray", "flywheel": name}},
    ]


def _leave(gone: str) -> None:
    """At once: nothing that waits for Ray would come back, and the reaper ends what is left of it."""
    log.error("Ray died: its %s is gone", gone)
    os._exit(1)


def main() -> None:
    output.start("host")
    asked = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    host(parse(asked["config"], origin=sys.argv[1]), asked["store"], targets_file(Path(sys.argv[1])))


if __name__ == "__main__":
    main()
