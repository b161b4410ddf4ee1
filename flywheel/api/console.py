"""The web console: its files as they lie in the package, for browsers. They hold no data, so they need no token."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from flywheel.api.etags import has
from flywheel.core.errors import UnknownError

CONTENT_TYPES: Mapping[str, str] = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""What of the package is served; nothing else is."""
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' blob:",
    "media-src": "blob:",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
}
"""Nothing from elsewhere, nothing inline, in nobody's frame. Videos are fetched with the token, hence blobs."""
HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in POLICY.items()),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True, kw_only=True)
class Asset:
    """A file as it is sent."""

    content: bytes
    content_type: str
    etag: str


def install(app: FastAPI) -> None:
    """Serves `/` and `/console/...`; neither is in the OpenAPI document."""
    assets = _assets(files("flywheel") / "console")

    async def show(request: Request) -> Response:
        name = request.path_params.get("name", "index.html")
        asset = assets.get(name)
        if asset is None:
            raise UnknownError(f"the console has no file {name}")
        headers = {**HEADERS, "ETag": asset.etag}
        if has(request.headers.get("If-None-Match", ""), asset.etag):
            return Response(status_code=304, headers=headers)
        # With the whole type given here, starlette adds no charset of its own.
        return Response(asset.content, headers={**headers, "Content-Type": asset.content_type})

    for path in ("/", "/console/{name:path}"):
        app.router.routes.append(Route(path, show, methods=["GET"], include_in_schema=False))


def _assets(folder: Traversable, prefix: str = "") -> dict[str, Asset]:
    """Path below the folder -> file."""
    found: dict[str, Asset] = {}
    for one in folder.iterdir():
        name = f"{prefix}{one.name}"
        if one.is_dir():
            found |= _assets(one, f"{name}/")
        elif (ending := name[name.rfind(".") :]) in CONTENT_TYPES:
            content = one.read_bytes()
            digest = sha256(content).hexdigest()[:32]
            found[name] = Asset(content=content, content_type=CONTENT_TYPES[ending], etag=f'"{digest}"')
    return found
