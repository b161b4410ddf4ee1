"""Route: what all routes have: names without colons, known parameters, and an ETag on whatever is read."""

import json
import re
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response

from flywheel.api.etags import has, tag_of


class _Segment(StringConvertor):
    """A part of a path, up to the colon of a verb."""

    regex = "[^/:]+"


register_url_convertor("segment", _Segment())


class Route(APIRoute):
    """A route that refuses parameters it does not have, and whose JSON answers to GET carry an ETag."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **settings: Any) -> None:
        super().__init__(re.sub(r"\{(\w+)\}", r"{\1:segment}", path), endpoint, **settings)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()
        known = {parameter.alias for parameter in self.dependant.query_params}

        async def tagged(request: Request) -> Response:
            _refuse_unknown(request, known)
            response = await answer(request)
            is_json = response.headers.get("Content-Type") == "application/json"
            if request.method != "GET" or response.status_code != 200 or not is_json:
                return response
            tag = tag_of(json.loads(bytes(response.body)))
            if has(request.headers.get("If-None-Match", ""), tag):
                return Response(status_code=304, headers={"ETag": tag})
            response.headers["ETag"] = tag
            return response

        return tagged


def _refuse_unknown(request: Request, known: set[str]) -> None:
    """A misspelt `dry_run` must not start anything."""
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        these = ", ".join(sorted(known)) or "none"
        raise RequestValidationError(
            [{"loc": ("query", name), "msg": f"no such parameter; there are: {these}"} for name in unknown]
        )
