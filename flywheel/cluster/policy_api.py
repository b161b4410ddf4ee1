"""The policy endpoint's HTTP: routes, and every error as `application/problem+json` (RFC 9457). Knows no Ray."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from time import monotonic
from typing import Annotated, Any

from fastapi import FastAPI, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from flywheel.cluster.meter import Ending, Meter
from flywheel.cluster.policy_guard import Guard, NotAllowedError
from flywheel.cluster.policy_server import ActRequest, ActResponse, PolicyServer, RequestError
from flywheel.core.errors import DeadlineError, EndpointError

SESSION_HEADER = "X-Session-Id"
"""By which Ray Serve sends all requests of a session to one replica."""
TIDY_INTERVAL_S = 5.0
EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"

Authorization = Annotated[str, Header()]


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What answers, and what became of the last attempt to deploy something."""

    policy_version: str | None
    attempt: str
    refused: str | None
    replica: str


def create_app(
    *,
    server: PolicyServer,
    guard: Guard,
    meter: Meter,
    standing: Callable[[], Standing],
    num_replicas: int = 1,
    now: Callable[[], float] = monotonic,
) -> FastAPI:
    """`server` should have the same meter, which counts here what never reaches it, and the same clock."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        tidying = asyncio.create_task(_tidy(server))
        yield
        tidying.cancel()

    # Those pages of documentation that FastAPI has load scripts from elsewhere.
    app = FastAPI(title="Flywheel policy endpoint", version="1", docs_url=None, redoc_url=None, lifespan=lifespan)
    app.add_middleware(_Arrival, now=now)
    _install_problems(app, meter)

    @app.post("/v1/act")
    async def act(
        asked: ActRequest,
        request: Request,
        authorization: Authorization = "",
        x_session_id: Annotated[str | None, Header()] = None,
    ) -> ActResponse:
        try:
            guard.check_acting(authorization)
        except NotAllowedError:
            meter.turned_away(Ending.REFUSED)
            raise
        if num_replicas > 1 and asked.session is not None and x_session_id != asked.session:
            meter.turned_away(Ending.UNFIT)
            raise RequestError(
                f"session: this endpoint has {num_replicas} replicas, and finds the one that answers the session "
                f"by the header {SESSION_HEADER}, which must be {asked.session} too"
            )
        return await asyncio.to_thread(server.act, asked, arrived=request.scope["arrived"])

    @app.get("/v1/version")
    async def version(authorization: Authorization = "") -> dict[str, str | None]:
        """What answers, and what became of the last attempt to deploy something."""
        guard.check_acting(authorization)
        return asdict(standing())

    @app.get("/metrics")
    async def metrics(authorization: Authorization = "") -> Response:
        """In Prometheus' text format: of all replicas on this machine."""
        guard.check_reading(authorization)
        return Response(await asyncio.to_thread(meter.exposition), media_type=EXPOSITION)

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    return app


class _Arrival:
    """Notes when a request arrives: before its body is read, and before it waits for anything."""

    def __init__(self, app: ASGIApp, now: Callable[[], float]) -> None:
        self._app, self._now = app, now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["arrived"] = self._now()
        await self._app(scope, receive, send)


async def _tidy(server: PolicyServer) -> None:
    while True:
        await asyncio.sleep(TIDY_INTERVAL_S)
        server.tidy()


def _install_problems(app: FastAPI, meter: Meter) -> None:
    @app.exception_handler(RequestError)
    async def _unfit(_: Request, failure: RequestError) -> JSONResponse:
        return _problem(422, "The request does not fit the policy", str(failure))

    @app.exception_handler(RequestValidationError)
    async def _unreadable(_: Request, failure: RequestValidationError) -> JSONResponse:
        meter.turned_away(Ending.UNFIT)  # Nothing but a request to act has a body.
        first = failure.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part != "body")
        return _problem(422, "The request does not fit the policy", f"{where or 'body'}: {first['msg']}")

    @app.exception_handler(EndpointError)
    async def _not_ready(_: Request, failure: EndpointError) -> JSONResponse:
        return _problem(503, "The endpoint is not ready", str(failure))

    @app.exception_handler(DeadlineError)
    async def _late(_: Request, failure: DeadlineError) -> JSONResponse:
        return _problem(504, "The deadline has passed", str(failure))

    @app.exception_handler(NotAllowedError)
    async def _not_allowed(_: Request, failure: NotAllowedError) -> JSONResponse:
        return _problem(failure.status, "Not allowed", failure.detail)

    @app.exception_handler(HTTPException)
    async def _refused(request: Request, failure: HTTPException) -> JSONResponse:
        return _problem(failure.status_code, str(failure.detail), f"{request.method} {request.url.path}")


def _problem(status: int, title: str, detail: str) -> JSONResponse:
    body: dict[str, Any] = {"type": "about:blank", "status": status, "title": title, "detail": detail}
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return JSONResponse(body, status_code=status, media_type="application/problem+json", headers=headers)
