"""Tokens: who may come in."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from flywheel.client.wire import Wire
from flywheel.core.access import Scope
from flywheel.core.errors import ApiConflictError


@dataclass(frozen=True, kw_only=True)
class WhoAmI:
    """Whose token it is, and what it may do."""

    name: str
    scopes: tuple[Scope, ...]


@dataclass(frozen=True, kw_only=True)
class Token:
    """A token without its secret."""

    name: str
    scopes: tuple[Scope, ...]
    created_by: str
    created_at: str
    expires_at: str | None = None
    revoked_at: str | None = None
    is_valid: bool
    """Neither revoked nor expired."""


@dataclass(frozen=True, kw_only=True)
class NewToken(Token):
    """A token and its secret."""

    secret: str = field(repr=False)
    """Nobody keeps it: this is the only answer that holds it."""


class Tokens:
    """`/v1/tokens`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def create(self, name: str, scopes: Sequence[Scope | str], *, expires_at: datetime | str | None = None) -> NewToken:
        """A secret is not answered twice, so this is the one request that is never repeated.

        UnreachableError: it may be there all the same. Then revoke it, and take another name: names are used once.
        """
        moment = expires_at.isoformat() if isinstance(expires_at, datetime) else expires_at
        body = {"name": name, "scopes": [str(scope) for scope in scopes], "expires_at": moment}
        return self._wire.post_once(NewToken, "tokens", body=body)

    def get(self, name: str) -> Token:
        return self._wire.get(Token, "tokens", name)

    def all(self) -> Iterator[Token]:
        """By name, also those that are no longer valid."""
        return self._wire.pages(Token, "tokens")

    def revoke(self, name: str) -> Token:
        """Ends it at once."""
        self._wire.end("POST", "tokens", name, ":revoke", ended=ApiConflictError)
        return self.get(name)
