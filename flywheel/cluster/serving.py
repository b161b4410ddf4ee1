"""The policy endpoint: a Ray Serve application that swaps policy versions in place."""

import asyncio
import http.client
import json
import socket
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from random import SystemRandom
from threading import Lock
from time import monotonic, sleep
from typing import Any
from uuid import uuid4

import numpy as np
import ray
import torch
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from ray import serve
from ray.exceptions import RayActorError, RayError
from ray.serve._private.constants import SERVE_CONTROLLER_NAME, SERVE_NAMESPACE
from ray.serve.context import _get_global_client
from ray.serve.exceptions import RayServeException
from ray.serve.schema import ApplicationStatus, ServeDeploySchema
from starlette.exceptions import HTTPException

from flywheel.cluster.policy_server import ActRequest, ActResponse, PolicyServer, RequestError
from flywheel.core.episode import Floats
from flywheel.core.errors import EndpointError, FlywheelError
from flywheel.ports import Policies

APPLICATION = "flywheel"
DEPLOYMENT = "policy"
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

web = FastAPI(title="Flywheel policy endpoint", version="1")


class _OutageError(EndpointError):
    """Not a refusal: it may pass."""


def _problem(status: int, title: str, detail: str) -> JSONResponse:
    """RFC 9457."""
    body = {"type": "about:blank", "status": status, "title": title, "detail": detail}
    return JSONResponse(body, status_code=status, media_type="application/problem+json")


@web.exception_handler(RequestError)
async def _unfit(_: Request, failure: RequestError) -> JSONResponse:
    return _problem(422, "The request does not fit the policy", str(failure))


@web.exception_handler(RequestValidationError)
async def _unreadable(_: Request, failure: RequestValidationError) -> JSONResponse:
    first = failure.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part != "body")
    return _problem(422, "The request does not fit the policy", f"{where or 'body'}: {first['msg']}")


@web.exception_handler(EndpointError)
async def _not_ready(_: Request, failure: EndpointError) -> JSONResponse:
    return _problem(503, "The endpoint is not ready", str(failure))


@web.exception_handler(HTTPException)
async def _refused(request: Request, failure: HTTPException) -> JSONResponse:
    return _problem(failure.status_code, str(failure.detail), f"{request.method} {request.url.path}")


@serve.deployment(
    name=DEPLOYMENT,
    ray_actor_options={"num_cpus": 0},
    max_ongoing_requests=64,
    graceful_shutdown_timeout_s=2.0,
    graceful_shutdown_wait_loop_s=0.1,
)
@serve.ingress(web)
class PolicyDeployment:
    """The policy server behind HTTP."""

    def __init__(self, policies: Policies) -> None:
        torch.set_num_threads(1)
        self._server = PolicyServer(policies=policies)
        self._attempt = ""
        self._refused: str | None = None

    async def reconfigure(self, user_config: Mapping[str, Any]) -> None:
        """A version that does not load is refused, and the old one goes on. No version: none was deployed yet."""
        refused = None
        if user_config["policy_id"] is not None:
            try:
                await asyncio.to_thread(self._server.load, user_config["policy_id"])
            except FlywheelError as failure:
                refused = str(failure)
        self._attempt, self._refused = user_config["attempt"], refused

    @web.post("/policy/v1/act")
    async def act(self, request: ActRequest) -> ActResponse:
        return await asyncio.to_thread(self._server.act, request)

    @web.get("/policy/v1/version")
    async def version(self) -> dict[str, str | None]:
        """What answers, and what became of the last attempt to deploy something."""
        return {"policy_version": self._server.version, "attempt": self._attempt, "refused": self._refused}

    @web.get("/healthz")
    async def healthz(self) -> dict[str, str]:
        return {"status": "ok"}


def application(args: dict[str, Any]) -> Any:
    """For Serve's declarative config. `policies` names a function, `module:function`, that takes the `store`."""
    module, _, function = args["policies"].partition(":")
    policies: Policies = getattr(import_module(module), function)(args["store"])
    return PolicyDeployment.bind(policies)  # type: ignore[attr-defined]


class ServeEndpoint:
    """`ports.Endpoint` on Ray Serve. A new version is a changed setting of the same process, never a new one."""

    def __init__(self, *, policies: str, store: str, port: int, host: str = "127.0.0.1") -> None:
        """`policies` and `store`: see `application`. Port 0: any free one."""
        self._policies, self._store, self._host = policies, store, host
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
            if self._started:
                _end_serve()
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
        settings = {"policy_id": policy_id, "attempt": attempt}
        return {
            "applications": [
                {
                    "name": APPLICATION,
                    "route_prefix": "/",
                    "import_path": f"{__name__}:application",
                    "args": {"policies": self._policies, "store": self._store},
                    "deployments": [{"name": DEPLOYMENT, "user_config": settings}],
                }
            ]
        }

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
            connection.request(method, path, content, {"Content-Type": "application/json"})
            response = connection.getresponse()
            data = response.read()
            return response.status, json.loads(data) if "json" in (response.getheader("Content-Type") or "") else {}
        except (OSError, http.client.HTTPException, ValueError) as failure:
            raise _OutageError(f"{self.address} does not answer: {failure}") from failure
        finally:
            connection.close()


def _client() -> Any:
    return _get_global_client()


def _end_serve() -> None:
    """Not by `serve.shutdown` alone: it waits for an answer that never comes, and Ray prints that as a failed task."""
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
