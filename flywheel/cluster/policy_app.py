"""The policy endpoint as a Ray Serve application: the policy server behind HTTP."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from hmac import compare_digest
from importlib import import_module
from typing import Annotated, Any

import torch
from fastapi import FastAPI, Header, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from ray import serve
from starlette.exceptions import HTTPException

from flywheel.cluster.policy_server import ActRequest, ActResponse, PolicyServer, RequestError
from flywheel.core.access import Principal, Scope, digest_of
from flywheel.core.errors import EndpointError, FlywheelError, StoreUnavailableError
from flywheel.logs import output
from flywheel.ports import Policies
from flywheel.tracing.choice import requests

DEPLOYMENT = "policy"
RETRY_INTERVAL_S = 1.0
"""While the store is away and this process has no version yet."""

Identify = Callable[[str], Principal | None]

web = FastAPI(title="Flywheel policy endpoint", version="1")


class _NotAllowedError(Exception):
    """401 without a valid token, 403 without the scope."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


def _problem(status: int, title: str, detail: str) -> JSONResponse:
    """RFC 9457."""
    body = {"type": "about:blank", "status": status, "title": title, "detail": detail}
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return JSONResponse(body, status_code=status, media_type="application/problem+json", headers=headers)


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


@web.exception_handler(_NotAllowedError)
async def _not_allowed(_: Request, failure: _NotAllowedError) -> JSONResponse:
    return _problem(failure.status, "Not allowed", failure.detail)


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

    def __init__(self, policies: Policies, identify: Callable[[], Identify] | None) -> None:
        """`identify` is called here; None: whoever reaches this port may ask."""
        output.start("endpoint")
        torch.set_num_threads(1)
        self._traces = requests()
        self._server = PolicyServer(policies=policies)
        self._identify = None if identify is None else identify()
        self._attempt = ""
        self._refused: str | None = None
        self._own_digest: str | None = None
        self._catching_up: asyncio.Task[None] | None = None

    async def reconfigure(self, user_config: Mapping[str, Any]) -> None:
        """A version that does not load is refused, and the old one goes on. No version: none was deployed yet."""
        if self._catching_up is not None:
            self._catching_up.cancel()
            self._catching_up = None
        refused = None
        if (wanted := user_config["policy_id"]) is not None:
            try:
                await asyncio.to_thread(self._server.load, wanted)
            except FlywheelError as failure:
                refused = str(failure)
                if isinstance(failure, StoreUnavailableError) and self._server.version is None:
                    self._catching_up = asyncio.create_task(self._catch_up(wanted))
        self._attempt, self._refused = user_config["attempt"], refused
        self._own_digest = user_config.get("own_digest")

    async def _catch_up(self, policy_id: str) -> None:
        """A process that starts while the store is away has no version to go on with: it waits for this one."""
        while self._server.version is None:
            await asyncio.sleep(RETRY_INTERVAL_S)
            with suppress(FlywheelError):
                await asyncio.to_thread(self._server.load, policy_id)
        self._refused = None

    @web.post("/v1/act")
    async def act(
        self, request: ActRequest, http: Request, authorization: Annotated[str, Header()] = ""
    ) -> ActResponse:
        self._check(authorization)
        with self._traces.act(http.headers) as say:
            answer = await asyncio.to_thread(self._server.act, request)
            say(task=request.task, policy_version=answer.policy_version, observations=len(answer.actions))
            return answer

    @web.get("/v1/version")
    async def version(self, authorization: Annotated[str, Header()] = "") -> dict[str, str | None]:
        """What answers, and what became of the last attempt to deploy something."""
        self._check(authorization)
        return {"policy_version": self._server.version, "attempt": self._attempt, "refused": self._refused}

    @web.get("/healthz")
    async def healthz(self) -> dict[str, str]:
        return {"status": "ok"}

    def _check(self, authorization: str) -> None:
        if self._identify is None:
            return
        kind, _, secret = authorization.partition(" ")
        if kind.lower() == "bearer" and compare_digest(digest_of(secret), self._own_digest or ""):
            return
        who = self._identify(secret) if kind.lower() == "bearer" else None
        if who is None:
            raise _NotAllowedError(401, "a valid token is needed: Authorization: Bearer <token>")
        if not who.may(Scope.ACT):
            raise _NotAllowedError(403, f"{who.name} lacks the scope {Scope.ACT}")


def application(args: dict[str, Any]) -> Any:
    """For Serve's declarative config.

    `policies` names a function, `module:function`, that takes the `store`; `identify`, if any, one that takes the
    store and tells whose a token is.
    """
    store = args["store"]
    policies: Policies = _named(args["policies"])(store)
    identify = None if args.get("identify") is None else _Identity(args["identify"], store)
    return PolicyDeployment.bind(policies, identify)  # type: ignore[attr-defined]


class _Identity:
    """Made in the process that asks."""

    def __init__(self, name: str, store: str) -> None:
        self._name, self._store = name, store

    def __call__(self) -> Identify:
        made: Identify = _named(self._name)(self._store)
        return made


def _named(name: str) -> Callable[..., Any]:
    module, _, function = name.partition(":")
    found: Callable[..., Any] = getattr(import_module(module), function)
    return found
