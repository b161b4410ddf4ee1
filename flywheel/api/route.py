"""Route: what all routes have: an ETag on whatever is read, and 304 for who has it already."""

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from flywheel.api.etags import has, tag_of


class Route(APIRoute):
    """A route whose JSON answers to GET carry an ETag."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def tagged(request: Request) -> Response:
            response = await answer(request)
            if request.method != "GET" or response.status_code != 200 or isinstance(response, StreamingResponse):
                return response
            tag = tag_of(json.loads(bytes(response.body)))
            if has(request.headers.get("If-None-Match", ""), tag):
                return Response(status_code=304, headers={"ETag": tag})
            response.headers["ETag"] = tag
            return response

        return tagged
