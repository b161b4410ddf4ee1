"""Answers: JSON into what this client knows, problems into errors. What a newer service adds is passed over."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Any, Generic, TypeVar

import httpx2
from pydantic import TypeAdapter, ValidationError

from flywheel.core.errors import (
    ApiAccessError,
    ApiBusyError,
    ApiConflictError,
    ApiError,
    ApiInputError,
    ApiUnknownError,
)

View = TypeVar("View")
Item = TypeVar("Item")

ERRORS: Mapping[int, type[ApiError]] = {
    400: ApiInputError,
    401: ApiAccessError,
    403: ApiAccessError,
    404: ApiUnknownError,
    409: ApiConflictError,
    422: ApiInputError,
}
"""By status; any other is an ApiError."""
BUSY = (429, 503)
adapter: Callable[[Any], TypeAdapter[Any]] = cache(TypeAdapter)


@dataclass(frozen=True, kw_only=True)
class Page(Generic[Item]):
    """A part of a list."""

    items: list[Item]
    next_page_token: str | None = None


def understood(text: bytes | str, view: type[View], *, of: httpx2.Response) -> View:
    """ApiError: it is not what this client knows. `of`: the answer that it came with."""
    try:
        found: View = adapter(view).validate_json(text)
    except ValidationError as failure:
        first = failure.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the answer"
        raise strange(of, f"{where}: {first['msg']}") from failure
    return found


def strange(answer: httpx2.Response, why: str) -> ApiError:
    """For an answer that is none of the API's."""
    detail = f"{answer.request.url}: not an answer of flywheel's API: {why}"
    return ApiError(detail, status=answer.status_code, title=_title(answer))


def refusal(answer: httpx2.Response) -> ApiError | None:
    """The error that an answer is; None: it is none. The answer must have been read."""
    if answer.is_success:
        return None
    status, title = answer.status_code, _title(answer)
    detail = _detail(answer) or f"{answer.request.url}: not an answer of flywheel's API"
    if status in BUSY:
        return ApiBusyError(detail, status=status, title=title, retry_after_s=_retry_after_s(answer))
    return ERRORS.get(status, ApiError)(detail, status=status, title=title)


def _detail(answer: httpx2.Response) -> str | None:
    try:
        found: Any = answer.json()
    except ValueError:
        return None
    detail = found.get("detail") if isinstance(found, dict) else None
    return detail if isinstance(detail, str) else None


def _title(answer: httpx2.Response) -> str:
    try:
        return HTTPStatus(answer.status_code).phrase
    except ValueError:
        return answer.reason_phrase


def _retry_after_s(answer: httpx2.Response) -> float | None:
    """Seconds alone: the service gives no dates."""
    given = answer.headers.get("Retry-After", "")
    return float(given) if given.isdecimal() else None
