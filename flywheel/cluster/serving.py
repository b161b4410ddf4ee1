"""The policy endpoint: a Ray Serve application that swaps policy versions in place."""

import asyncio
import http.client
import json
import socket
import time
from collections.abc import Mapping
from importlib import import_module
from typing import Annotated, Any

import numpy as np
import torch
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from ray import serve
from ray.serve.schema import ServeDeploySchema

from flywheel.core.contract import modality_names
from flywheel.core.episode import Floats
from flywheel.core.errors import EndpointError, FlywheelError
from flywheel.learning.acting import Actor
from flywheel.learning.codec import load_actor
from flywheel.ports import Policies

APPLICATION = "flywheel"
DEPLOYMENT = "policy"
DEPLOY_TIMEOUT_S = 120.0
REQUEST_TIMEOUT_S = 30.0
POLL_INTERVAL_S = 0.1


class InvalidRequest(FlywheelError):
    """A request that does not fit the policy's contract."""


class ActRequest(BaseModel):
    """A batch of observations of one task."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    task: Annotated[str, Field(examples=["metaworld/reach-v3"])]
    observations: dict[str, list[list[list[float]]]]
    """Modality -> [B][h][D], oldest first; h may be less than the policy's history."""


class ActResponse(BaseModel):
    """What to do."""

    actions: list[list[float]]
    """[B][A], each in [-1, 1]."""
    policy_version: str


class PolicyServer:
    """Acts with one policy version. A version is warmed up before it answers; if it cannot load, the old one stays."""

    def __init__(self, *, policies: Policies) -> None:
        self._policies = policies
        self._live: tuple[str, Actor] | None = None

    def load(self, policy_id: str) -> None:
        """CheckpointError: the version is missing or damaged."""
        if self.version == policy_id:
            return
        actor = load_actor(self._policies.load(policy_id), origin=f"policy {policy_id}")
        task = actor.contract.tasks[0]
        shapes = {
            name: actor.contract.modalities[ours].width for name, ours in modality_names(actor.contract, task).items()
        }
        actor.act(
            actor.batch({name: np.zeros((1, 1, width), np.float32) for name, width in shapes.items()}, task), [task]
        )
        self._live = (policy_id, actor)

    @property
    def version(self) -> str | None:
        """The version that answers; None before the first."""
        return None if self._live is None else self._live[0]

    def act(self, request: ActRequest) -> ActResponse:
        """Most likely actions. InvalidRequest names what does not fit the contract."""
        if self._live is None:
            raise EndpointError("no policy version is deployed yet")
        policy_id, actor = self._live
        observations = _checked(request, actor)
        batch = actor.batch(observations, request.task)
        size = len(next(iter(observations.values())))
        actions = actor.act(batch, [request.task] * size)[:, : actor.contract.action_sizes[request.task]]
        return ActResponse(actions=actions.tolist(), policy_version=policy_id)


def _checked(request: ActRequest, actor: Actor) -> dict[str, Floats]:
    contract = actor.contract
    if request.task not in contract.tasks:
        raise InvalidRequest(f"task: {request.task} is not one of {', '.join(contract.tasks)}")
    names = modality_names(contract, request.task)
    wrong = sorted(names.keys() ^ request.observations.keys())
    if wrong:
        raise InvalidRequest(f"observations: {', '.join(wrong)}: missing or unknown; {', '.join(names)} are needed")
    try:
        observations = {name: np.asarray(values, np.float32) for name, values in request.observations.items()}
    except ValueError as failure:
        raise InvalidRequest(f"observations: not arrays: {failure}") from failure
    batch = {values.shape[:2] for values in observations.values()}
    for name, values in observations.items():
        width = contract.modalities[names[name]].width
        if values.ndim != 3 or values.shape[2] != width or not 1 <= values.shape[1] <= contract.history:
            raise InvalidRequest(
                f"observations.{name}: shape {list(values.shape)} is not [batch, 1 to {contract.history}, {width}]"
            )
    if len(batch) != 1 or 0 in next(iter(batch)):
        raise InvalidRequest("observations: every modality needs the same, positive batch size and history")
    return observations


web = FastAPI(title="Flywheel policy endpoint", version="1")


def _problem(status: int, title: str, detail: str) -> JSONResponse:
    """RFC 9457."""
    body = {"type": "about:blank", "status": status, "title": title, "detail": detail}
    return JSONResponse(body, status_code=status, media_type="application/problem+json")


@web.exception_handler(InvalidRequest)
async def _invalid(_: Request, failure: InvalidRequest) -> JSONResponse:
    return _problem(422, "The request does not fit the policy", str(failure))


@web.exception_handler(RequestValidationError)
async def _unreadable(_: Request, failure: RequestValidationError) -> JSONResponse:
    first = failure.errors()[0]
    return _problem(422, "The request cannot be read", f"{'.'.join(map(str, first['loc']))}: {first['msg']}")


@web.exception_handler(EndpointError)
async def _not_ready(_: Request, failure: EndpointError) -> JSONResponse:
    return _problem(503, "The endpoint is not ready", str(failure))


@serve.deployment(name=DEPLOYMENT, ray_actor_options={"num_cpus": 0})
@serve.ingress(web)
class PolicyDeployment:
    """PolicyServer behind HTTP."""

    def __init__(self, policies: Policies) -> None:
        torch.set_num_threads(1)
        self._server = PolicyServer(policies=policies)
        self._refused = ""

    def reconfigure(self, user_config: Mapping[str, Any]) -> None:
        """A version that does not load is refused, and the old one goes on."""
        try:
            self._server.load(user_config["policy_id"])
            self._refused = ""
        except FlywheelError as failure:
            self._refused = str(failure)

    @web.post("/policy/v1/act")
    async def act(self, request: ActRequest) -> ActResponse:
        return await asyncio.to_thread(self._server.act, request)

    @web.get("/policy/v1/version")
    async def version(self) -> dict[str, str | None]:
        return {"policy_version": self._server.version, "refused": self._refused or None}

    @web.get("/healthz")
    async def healthz(self) -> dict[str, str]:
        return {"status": "ok"}


def application(args: dict[str, Any]) -> serve.Application:
    """For Serve's declarative config. `policies` names a function, `module:function`, that takes the `store`."""
    module, _, function = args["policies"].partition(":")
    return PolicyDeployment.bind(getattr(import_module(module), function)(args["store"]))  # type: ignore[attr-defined]


class ServeEndpoint:
    """`ports.Endpoint` on Ray Serve. A new version is a changed setting of the same replica, never a new process."""

    def __init__(self, *, policies: str, store: str, port: int, host: str = "127.0.0.1") -> None:
        """`policies` and `store`: see `application`. Port 0: any free one."""
        self._policies, self._store, self._host = policies, store, host
        self._port = port or _free_port(host)
        self._started = False

    @property
    def address(self) -> str:
        """Where requests go."""
        return f"http://{self._host}:{self._port}"

    def deploy(self, policy_id: str) -> None:
        if not self._started:
            serve.start(http_options={"host": self._host, "port": self._port}, logging_config={"log_level": "ERROR"})
            self._started = True
        client = serve.context._get_global_client()
        client.deploy_apps(ServeDeploySchema.model_validate(self._description(policy_id)))
        deadline = time.monotonic() + DEPLOY_TIMEOUT_S
        while True:
            answer = self._version()
            if answer.get("policy_version") == policy_id:
                return
            if answer.get("refused"):
                raise EndpointError(f"{policy_id} was refused: {answer['refused']}")
            if time.monotonic() > deadline:
                raise EndpointError(f"{policy_id} does not answer at {self.address} after {DEPLOY_TIMEOUT_S:.0f} s")
            time.sleep(POLL_INTERVAL_S)

    def act(self, observations: Mapping[str, Floats], task: str) -> tuple[Floats, str]:
        plain = {name: values.tolist() for name, values in observations.items()}
        status, answer = self._ask("POST", "/policy/v1/act", {"task": task, "observations": plain})
        if status != 200:
            raise EndpointError(f"{self.address} answered {status}: {answer.get('detail', answer)}")
        return np.asarray(answer["actions"], np.float32), answer["policy_version"]

    def close(self) -> None:
        """Ends Serve if this endpoint started it."""
        if self._started:
            serve.shutdown()
            self._started = False

    def _description(self, policy_id: str) -> dict[str, Any]:
        return {
            "applications": [
                {
                    "name": APPLICATION,
                    "route_prefix": "/",
                    "import_path": f"{__name__}:application",
                    "args": {"policies": self._policies, "store": self._store},
                    "deployments": [{"name": DEPLOYMENT, "user_config": {"policy_id": policy_id}}],
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
            answer = json.loads(data) if "json" in (response.getheader("Content-Type") or "") else {}
            return response.status, answer
        except (OSError, http.client.HTTPException, ValueError) as failure:
            raise EndpointError(f"{self.address}: {failure}") from failure
        finally:
            connection.close()


def _free_port(host: str) -> int:
    with socket.socket() as some:
        some.bind((host, 0))
        return int(some.getsockname()[1])
