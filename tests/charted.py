"""A process with an embedded Ray on which what the chart renders is served. It says when it runs, and goes on until its
input closes: charted.py FILE, which holds `serveConfigV2`.

Lines of its input are other such files, or commands of the head's container, as JSON.
"""

import json
import subprocess
import sys
from itertools import chain
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import ray
import yaml
from ray import serve
from ray.serve.context import _get_global_client
from ray.serve.schema import ApplicationStatus, ServeDeploySchema

from flywheel.cluster.serve_instance import end_serve
from flywheel.cluster.session import RaySession
from flywheel.hosting.description import CONTROL
from flywheel.hosting.service_supervisor import dismiss

HEAD = "127.0.0.1:6379"
"""Where Ray's head is in its pod."""
READY_TIMEOUT_S = 180.0
POLL_S = 0.2


def deploy(serving: dict[str, Any]) -> None:
    """As KubeRay does, and returns when it runs."""
    client: Any = _get_global_client()
    client.deploy_apps(ServeDeploySchema.model_validate(serving))
    deadline = monotonic() + READY_TIMEOUT_S
    while (found := serve.status().applications[CONTROL]).status != ApplicationStatus.RUNNING:
        assert found.status != ApplicationStatus.DEPLOY_FAILED, found.message
        assert monotonic() < deadline, found
        sleep(POLL_S)


def carry_out(command: list[str]) -> None:
    """With the token of this Ray, which KubeRay would set."""
    here = {"python": sys.executable, HEAD: ray.get_runtime_context().gcs_address}
    subprocess.run([here.get(word, word) for word in command], check=True, stdout=sys.stderr)
    print("done", flush=True)


if __name__ == "__main__":
    serving = yaml.safe_load(Path(sys.argv[1]).read_text(encoding="utf-8"))
    with RaySession(num_cpus=6):
        serve.start(http_options=serving["http_options"], logging_config={"log_level": "ERROR"})
        for line in chain([""], sys.stdin):
            if (name := line.strip()).startswith("["):
                carry_out(json.loads(name))
                continue
            if name:
                serving = yaml.safe_load(Path(name).read_text(encoding="utf-8"))
            deploy(serving)
            print("runs", flush=True)
        dismiss()
        end_serve()
