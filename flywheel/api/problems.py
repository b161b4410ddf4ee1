"""Problems: every error as `application/problem+json` (RFC 9457), in one table."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from flywheel.api.methods import allowed
from flywheel.core.errors import (
    ConfigError,
    ConflictError,
    FilmingBusyError,
    FlywheelError,
    NotFoundError,
    OtherReplayError,
    RenderingError,
    ReplayError,
    StoreUnavailableError,
    UnknownError,
)

STATUSES: Mapping[type[FlywheelError], int] = {
    ConfigError: 422,
    ConflictError: 409,
    FilmingBusyError: 503,
    NotFoundError: 404,
    OtherReplayError: 409,
    RenderingError: 501,
    ReplayError: 422,
    StoreUnavailableError: 503,
    UnknownError: 404,
}
"""Of our own errors; any other is 500."""
MEDIA_TYPE = "application/problem+json"

log = logging.getLogger(__name__)


class Wrong(BaseModel):
    """One thing to correct."""

    where: Annotated[str, Field(description="Path in the body, or the parameter", examples=["collect.sharpness"])]
    what: Annotated[str, Field(description="What is wrong with it", examples=["Input should be greater than 0"])]


class Problem(BaseModel):
    """RFC 9457."""

    type: Annotated[str, Field(description="Always about:blank: the status says the kind", examples=["about:blank"])]
    title: Annotated[str, Field(description="The status in words", examples=["Conflict"])]
    status: Annotated[int, Field(description="The HTTP status again", examples=[409])]
    detail: Annotated[
        str, Field(description="What is wrong and what to do", examples=["iteration 3 is succeeded already"])
    ]
    errors: Annotated[list[Wrong], Field(description="Everything to correct in a request that is not valid")] = []


class RequestRefusedError(Exception):
    """A problem that only HTTP knows: no token, too often, a header that is missing."""

    def __init__(self, status: int, detail: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, headers


def problem(
    status: int, detail: str, *, errors: list[Wrong] | None = None, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """The answer to a request that went wrong."""
    body = Problem(
        type="about:blank", title=HTTPStatus(status).phrase, status=status, detail=detail, errors=errors or []
    )
    return JSONResponse(body.model_dump(), status_code=status, media_type=MEDIA_TYPE, headers=dict(headers or {}))


def install(app: FastAPI) -> None:
    """Translates whatever is raised while a request is dealt with."""

    @app.exception_handler(FlywheelError)
    async def _ours(request: Request, failure: FlywheelError) -> JSONResponse:
        status = next((STATUSES[kind] for kind in type(failure).__mro__ if kind in STATUSES), 500)
        if status == 500:
            log.error("%s %s", request.method, request.url.path, exc_info=failure)
        return problem(status, str(failure), headers={"Retry-After": "5"} if status == 503 else None)

    @app.exception_handler(RequestRefusedError)
    async def _request(_: Request, failure: RequestRefusedError) -> JSONResponse:
        return problem(failure.status, failure.detail, headers=failure.headers)

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, failure: RequestValidationError) -> JSONResponse:
        errors = [Wrong(where=_where(one["loc"]), what=one["msg"]) for one in failure.errors()]
        return problem(422, "; ".join(f"{one.where}: {one.what}" for one in errors), errors=errors)

    @app.exception_handler(HTTPException)
    async def _refused(request: Request, failure: HTTPException) -> JSONResponse:
        headers = dict(failure.headers or {})
        if failure.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = allowed(app.openapi(), request.url.path) or headers["Allow"]
        detail = f"{request.method} {request.url.path}: {failure.detail}"
        return problem(failure.status_code, detail, headers=headers)

    @app.exception_handler(Exception)
    async def _unforeseen(request: Request, failure: Exception) -> JSONResponse:
        log.error("%s %s", request.method, request.url.path, exc_info=failure)
        return problem(500, "an error of the service itself: its log says more")


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For a route: the problems that it may answer with, besides those of every route."""
    return unguarded(401, 403, 422, 429, 503, *statuses)


def unguarded(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For a route that needs no token: the problems that it may answer with."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in sorted({500, *statuses})
    }


def _where(location: tuple[int | str, ...]) -> str:
    """Without the part of the request, but where there is nothing else."""
    return ".".join(str(part) for part in location[1:]) or str(location[0])
