"""Tokens: who may come in. A secret is in one answer, once, and nowhere else."""

from datetime import UTC
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from flywheel.api.etags import IfMatch, check_match
from flywheel.api.guards import Admin, Desk
from flywheel.api.names import NewName, TokenName
from flywheel.api.pages import Page, PageSize, PageToken, page
from flywheel.api.problems import documented
from flywheel.api.route import Route
from flywheel.api.times import Time
from flywheel.core.access import Scope, Token, digest_of, new_secret
from flywheel.core.commands import tokens as commands
from flywheel.core.control import Control
from flywheel.core.entry import Draft

router = APIRouter(tags=["tokens"], route_class=Route)


class TokenRequest(BaseModel):
    """Who it is for, and what they may do."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[NewName, Field(description="Whose it is; names are used once", examples=["alice"])]
    scopes: Annotated[
        list[Scope],
        Field(
            min_length=1,
            max_length=len(Scope),
            description="read: see everything but secrets; operate: start, stop, promote, and read; "
            "act: ask the policy endpoint; admin: all, and tokens and webhooks",
            examples=[["operate"]],
        ),
    ]
    expires_at: Annotated[
        Time | None,
        Field(description="RFC 3339, with a time zone; null: never", examples=["2027-01-01T00:00:00Z"]),
    ] = None


class TokenView(BaseModel):
    """A token without its secret, which nobody keeps."""

    name: Annotated[str, Field(description="Whose it is", examples=["alice"])]
    scopes: Annotated[list[Scope], Field(description="What they may do", examples=[["operate"]])]
    created_by: Annotated[str, Field(description="Who made it", examples=["token:admin"])]
    created_at: Annotated[str, Field(description="RFC 3339", examples=["2026-01-05T09:30:00.000Z"])]
    expires_at: Annotated[str | None, Field(description="RFC 3339; null: never", examples=["2027-01-01T00:00:00Z"])]
    revoked_at: Annotated[str | None, Field(description="RFC 3339; null: it is not", examples=[None])]
    is_valid: Annotated[bool, Field(description="Neither revoked nor expired", examples=[True])]


class NewToken(TokenView):
    """A token and its secret. This is the only answer that ever holds it."""

    secret: Annotated[str, Field(description="The bearer token itself: keep it safe", examples=["fw_kept-secret"])]


@router.post("/tokens", status_code=201, responses=documented(409))
def create_token(request: TokenRequest, plane: Desk, who: Admin, response: Response) -> NewToken:
    """Make a token. Its secret is in this answer and never shown again.

    There is no `Idempotency-Key`, for a secret is not answered twice: a second request of the same name is refused.
    """
    expires = None if request.expires_at is None else request.expires_at.astimezone(UTC)
    secret = new_secret()
    decide = partial(
        commands.create,
        name=request.name,
        by=who.name,
        scopes=sorted(set(request.scopes)),
        digest=digest_of(secret),
        expires_at=None if expires is None else expires.isoformat().replace("+00:00", "Z"),
    )
    entry = plane.chronicle.append(decide)
    assert entry is not None, "creating a token always makes an entry"
    response.headers["Location"] = f"/v1/{entry.subject}"
    response.headers["Cache-Control"] = "no-store"
    made = _shown(plane.chronicle.control().tokens[request.name], now=plane.now())
    return NewToken(**made.model_dump(), secret=secret)


@router.get("/tokens", responses=documented(400))
def list_tokens(plane: Desk, who: Admin, page_size: PageSize = 50, page_token: PageToken = None) -> Page[TokenView]:
    """Tokens by name, also those that are no longer valid."""
    chosen = [token for _, token in sorted(plane.chronicle.control().tokens.items())]
    show = partial(_shown, now=plane.now())
    return page(chosen, size=page_size, token=page_token, key=lambda one: one.name, show=show)


@router.get("/tokens/{name}", responses=documented(404))
def get_token(name: TokenName, plane: Desk, who: Admin) -> TokenView:
    """One token, without its secret."""
    return _shown(commands.token(plane.chronicle.control(), name), now=plane.now())


@router.post("/tokens/{name}:revoke", responses=documented(404, 409, 412))
def revoke_token(name: TokenName, plane: Desk, who: Admin, if_match: IfMatch = None) -> TokenView:
    """End a token at once. It stays in the list."""

    def decide(control: Control) -> Draft:
        check_match(if_match, _shown(commands.token(control, name), now=plane.now()))
        return commands.revoke(control, name, by=who.name)

    plane.chronicle.append(decide)
    return _shown(plane.chronicle.control().tokens[name], now=plane.now())


def _shown(token: Token, *, now: str) -> TokenView:
    return TokenView(
        name=token.name,
        scopes=sorted(token.scopes),
        created_by=token.created_by,
        created_at=token.created_at,
        expires_at=token.expires_at,
        revoked_at=token.revoked_at,
        is_valid=token.is_valid(now),
    )
