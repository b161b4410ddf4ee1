"""Guards: what comes before every answer: who asks, may they, how often, and did they ask before."""

from collections.abc import Callable
from hashlib import sha256
from typing import Annotated

from fastapi import Depends, Header, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from flywheel.api.plane import Plane
from flywheel.api.problems import RequestRefusedError
from flywheel.core.access import Principal, Scope
from flywheel.core.entry import Claim

bearer = HTTPBearer(auto_error=False, description="A token of `flywheel tokens create`, or of the OIDC provider.")
Bearer = Annotated[HTTPAuthorizationCredentials | None, Security(bearer)]


def plane_of(request: Request) -> Plane:
    """What the application was made with."""
    plane: Plane = request.app.state.plane
    return plane


Desk = Annotated[Plane, Depends(plane_of)]


def principal(request: Request, plane: Desk, credentials: Bearer) -> Principal:
    """401: no valid token; 429: too often."""
    found = None if credentials is None else plane.identify(credentials.credentials)
    if found is None:
        address = request.client.host if request.client else "unknown"
        _admit(plane.rates.admit_stranger(address))
        raise RequestRefusedError(
            401,
            "a valid token is needed: Authorization: Bearer <token>; `flywheel tokens create` makes one",
            headers={"WWW-Authenticate": "Bearer"},
        )
    _admit(plane.rates.admit(found.name))
    return found


Anyone = Annotated[Principal, Depends(principal)]


def needing(scope: Scope) -> Callable[[Principal], Principal]:
    """A dependency that answers 403 to who lacks the scope."""

    def check(who: Anyone) -> Principal:
        if not who.may(scope):
            raise RequestRefusedError(403, f"{who.name} lacks the scope {scope}")
        return who

    return check


Reader = Annotated[Principal, Depends(needing(Scope.READ))]
Operator = Annotated[Principal, Depends(needing(Scope.OPERATE))]
Admin = Annotated[Principal, Depends(needing(Scope.ADMIN))]

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="Names the request: sent again with the same key, it is answered again and not done again",
        examples=["7f9c2ba4-e88f-4f5c-9d3a-3c0f0e9c5a10"],
    ),
]


async def claim(request: Request, who: Anyone, key: Key = None) -> Claim:
    """Of a request that needs an idempotency key. 400: it has none."""
    if key is None:
        raise RequestRefusedError(
            400, "the header Idempotency-Key is needed: any text that names this request, such as a UUID"
        )
    route = f"{who.name}\n{request.method} {request.url.path}\n{key}"
    return Claim(key=sha256(route.encode()).hexdigest(), body=sha256(await request.body()).hexdigest())


async def claim_if_any(request: Request, who: Anyone, key: Key = None) -> Claim | None:
    """Of a request that may have an idempotency key."""
    return None if key is None else await claim(request, who, key)


Claimed = Annotated[Claim, Depends(claim)]
MaybeClaimed = Annotated[Claim | None, Depends(claim_if_any)]


def _admit(wait_s: int | None) -> None:
    if wait_s is not None:
        raise RequestRefusedError(429, f"too many requests: again in {wait_s} s", headers={"Retry-After": str(wait_s)})
