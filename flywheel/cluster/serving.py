"""The policy endpoint: a Ray Serve application that swaps policy versions in place."""

import http.client
import json
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import SystemRandom
from threading import Lock
from time import monotonic, sleep
from typing import Any
from uuid import uuid4

import numpy as np
import ray
from ray import serve
from ray.exceptions import RayActorError, RayError
from ray.serve._private.constants import SERVE_CONTROLLER_NAME, SERVE_NAMESPACE
from ray.serve.context import _get_global_client
from ray.serve.exceptions import RayServeException
from ray.serve.schema import ApplicationStatus, ServeDeploySchema

from flywheel.cluster import policy_app
from flywheel.core.access import digest_of, new_secret
from flywheel.core.episode import Floats
from flywheel.core.errors import EndpointError

APPLICATION = "flywheel"
ROUTE = "/policy"
START_TIMEOUT_S = 120.0
END_TIMEOUT_S = 30.0
REQUEST_TIMEOUT_S = 30.0
PORTS = range(20_000, 32_000)
"""Free ones are looked for here: above Ray's own, and below those that systems give to outgoing connections.

Of the latter any may be taken between being found free and being bound, which are seconds.
"""
RECOVERY_TIMEOUT_S = 60.0
"""Within which Serve has replaced a process that died."""
POLL_INTERVAL_S = 0.05


class _OutageError(EndpointError):
    """Not a refusal: it may pass."""


@dataclass(frozen=True, kw_only=True)
class Neighbourhood:
    """A Serve that somebody else started and ends, and what else runs on it."""

    identify: str
    """`module:function` that takes the store and tells whose a token is."""
    applications: Sequence[Mapping[str, Any]]
    """Serve's declarative config of the others: Serve ends whatever a config leaves out."""


class ServeEndpoint:
    """`ports.Endpoint` on Ray Serve. A new version is a changed setting of the same process, never a new one."""

    def __init__(
        self,
        *,
        policies: str,
        store: str,
        port: int,
        host: str = "127.0.0.1",
        neighbours: Neighbourhood | None = None,
    ) -> None:
        """`policies` and `store`: see `policy_app.application`. Port 0: any free one. None: Serve is ours alone."""
        self._policies, self._store, self._host = policies, store, host
        self._neighbours = neighbours
        self._secret = new_secret()
        self._port = port or _free_port(host)
        self._started = False
        self._starting = Lock()

    @property
    def address(self) -> str:
        """Where requests go."""
        return f"http://{self._host}:{self._port}"

    def start(self) -> None:
        """Starts serving without a version. Takes seconds: may run beside other work before the first `deploy`.

        EndpointError: Serve does not start.
        """
        with self._starting:
            if self._started:
                return
            try:
                serve.start(
                    http_options={"host": self._host, "port": self._port}, logging_config={"log_level": "ERROR"}
                )
            except (RayError, RayServeException, RuntimeError) as failure:
                raise EndpointError(f"Ray Serve does not start at {self.address}: {failure}") from failure
            self._started = True
            served = _client().http_config.port
            if served == self._port:
                self._attempt(None)
            self._port = served  # Another one where a supervisor that died left its endpoint, which goes on.

    def deploy(self, policy_id: str) -> None:
        self.start()
        answer = self._attempt(policy_id)
        if answer["refused"] is not None:
            # Else a replica that restarts would look for the refused version and have none.
            self._attempt(answer["policy_version"])
            raise EndpointError(
                f"{policy_id} was refused, {answer['policy_version'] or 'nothing'} goes on: {answer['refused']}"
            )

    def act(self, observations: Mapping[str, Floats], task: str) -> tuple[Floats, str]:
        """EndpointError: it does not answer, or refuses, with its reason.

        A process that dies is replaced by Serve meanwhile: what it did not answer is asked again.
        """
        body = {"task": task, "observations": {name: values.tolist() for name, values in observations.items()}}
        deadline = monotonic() + RECOVERY_TIMEOUT_S
        while True:
            try:
                return self._acted(body)
            except _OutageError:
                if not self._started or monotonic() > deadline:
                    raise
            sleep(POLL_INTERVAL_S)

    def _acted(self, body: Mapping[str, Any]) -> tuple[Floats, str]:
        status, answer = self._ask("POST", "/policy/v1/act", body)
        if status != 200:
            refusal = _OutageError if status >= 500 else EndpointError
            raise refusal(f"{self.address} answered {status}: {answer.get('detail', answer)}")
        return np.asarray(answer["actions"], np.float32), answer["policy_version"]

    def close(self) -> None:
        """Ends Serve if this endpoint started it."""
        with self._starting:
            if self._started and self._neighbours is None:
                end_serve()
            self._started = False

    def _attempt(self, policy_id: str | None) -> dict[str, Any]:
        """Asks for the version, and returns what the endpoint says once it has tried. EndpointError: it never did."""
        attempt = uuid4().hex
        # Only this way Serve changes a setting without starting processes anew.
        _client().deploy_apps(ServeDeploySchema.model_validate(self._description(policy_id, attempt)))
        deadline = monotonic() + START_TIMEOUT_S
        while monotonic() < deadline:
            answer = self._version()
            if answer.get("attempt") == attempt:
                return answer
            self._check_application()
            sleep(POLL_INTERVAL_S)
        raise EndpointError(f"{policy_id} does not answer at {self.address} after {START_TIMEOUT_S:.0f} s")

    def _check_application(self) -> None:
        found = serve.status().applications.get(APPLICATION)
        if found is not None and found.status == ApplicationStatus.DEPLOY_FAILED:
            raise EndpointError(f"the endpoint does not start: {found.message}")

    def _description(self, policy_id: str | None, attempt: str) -> dict[str, Any]:
        settings = {"policy_id": policy_id, "attempt": attempt, "own_digest": digest_of(self._secret)}
        neighbours = self._neighbours
        ours = {
            "name": APPLICATION,
            "route_prefix": ROUTE,
            "import_path": f"{policy_app.__name__}:application",
            "args": {
                "policies": self._policies,
                "store": self._store,
                "identify": None if neighbours is None else neighbours.identify,
            },
            "deployments": [{"name": policy_app.DEPLOYMENT, "user_config": settings}],
        }
        return {"applications": [*(neighbours.applications if neighbours is not None else ()), ours]}

    def _version(self) -> dict[str, Any]:
        try:
            status, answer = self._ask("GET", "/policy/v1/version", None)
        except EndpointError:
            return {}
        return answer if status == 200 else {}

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None) -> tuple[int, dict[str, Any]]:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=REQUEST_TIMEOUT_S)
        try:
            content = None if body is None else json.dumps(body)
            headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._secret}"}
            connection.request(method, path, content, headers)
            response = connection.getresponse()
            data = response.read()
            return response.status, json.loads(data) if "json" in (response.getheader("Content-Type") or "") else {}
        except (OSError, http.client.HTTPException, ValueError) as failure:
            raise _OutageError(f"{self.address} does not answer: {failure}") from failure
        finally:
            connection.close()


def _client() -> Any:
    return _get_global_client()


def end_serve() -> None:
    """Returns when Serve has ended.

    Not by `serve.shutdown` alone: it waits for an answer that never comes, and Ray prints that as a failed task.
    """
    with suppress(RayActorError, RayServeException):  # It is gone already.
        ray.get(_client()._controller.graceful_shutdown.remote(wait=False))
    deadline = monotonic() + END_TIMEOUT_S
    with suppress(ValueError):  # There is no such actor any more.
        while monotonic() < deadline:
            ray.get_actor(SERVE_CONTROLLER_NAME, namespace=SERVE_NAMESPACE)
            sleep(POLL_INTERVAL_S)
    serve.shutdown()


def _free_port(host: str) -> int:
    for port in SystemRandom().sample(PORTS, len(PORTS)):
        with socket.socket() as some, suppress(OSError):
            some.bind((host, port))
            return port
    raise EndpointError(f"no port from {PORTS.start} to {PORTS.stop - 1} is free on {host}")
