"""Access: who may do what. A token is known by its digest; its secret is shown once and kept by nobody."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from hmac import compare_digest
from typing import Final

PREFIX: Final = "fw_"
"""Of every secret, so that scanners for leaked secrets find them."""
SECRET_BYTES = 32


class Scope(StrEnum):
    """What a principal may do."""

    READ = "read"
    """See everything but secrets."""
    OPERATE = "operate"
    """Start, cancel and schedule iterations and campaigns; promote, roll back and retire policy versions."""
    ACT = "act"
    """Ask the policy endpoint for actions."""
    ADMIN = "admin"
    """Tokens, webhooks; all of the above too."""

    @property
    def implied(self) -> frozenset["Scope"]:
        """What who has this one may do."""
        if self is Scope.ADMIN:
            return frozenset(Scope)
        return frozenset({self, Scope.READ} if self is Scope.OPERATE else {self})


@dataclass(frozen=True, kw_only=True)
class Principal:
    """Who is asking."""

    name: str
    """`token:<name>`, or `oidc:<subject>`."""
    scopes: frozenset[Scope]

    def may(self, scope: Scope) -> bool:
        return any(scope in own.implied for own in self.scopes)


@dataclass(frozen=True, kw_only=True)
class Token:
    """A bearer token without its secret."""

    name: str
    scopes: frozenset[Scope]
    digest: str
    """sha256 of the secret. Secrets are 32 random bytes, which need no slow hash."""
    created_by: str
    created_at: str
    expires_at: str | None = None
    """RFC 3339."""
    revoked_at: str | None = None

    def is_valid(self, now: str) -> bool:
        """At an RFC 3339 time."""
        expired = self.expires_at is not None and datetime.fromisoformat(self.expires_at) <= datetime.fromisoformat(now)
        return self.revoked_at is None and not expired


def new_secret() -> str:
    """To be shown once."""
    return PREFIX + secrets.token_urlsafe(SECRET_BYTES)


def digest_of(secret: str) -> str:
    """What is kept of a secret."""
    return sha256(secret.encode()).hexdigest()


def principal_of(secret: str, tokens: Iterable[Token], *, now: str) -> Principal | None:
    """Whose secret it is; None: nobody's, or one that is revoked or expired."""
    digest = digest_of(secret)
    found = [token for token in tokens if compare_digest(token.digest, digest) and token.is_valid(now)]
    return Principal(name=f"token:{found[0].name}", scopes=found[0].scopes) if found else None
