"""Bearers of an OpenID Connect provider's JSON Web Tokens."""

from collections.abc import Mapping
from typing import Any, Final

import jwt

from flywheel.api.issuer_keys import IssuerKeys
from flywheel.core.access import Principal, Scope

ALGORITHMS: Final = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
)
"""Asymmetric ones: with a shared secret, who can check a token can make one."""
LONGEST_TOKEN: Final = 16_384
LONGEST_SUBJECT: Final = 255
"""Of OpenID Connect Core 1.0, section 2."""


class OidcIdentity:
    """`Identify` for tokens of one issuer, made for one audience."""

    def __init__(
        self, *, issuer: str, audience: str, scopes_claim: str, scopes_prefix: str, leeway_s: float = 30.0
    ) -> None:
        """`leeway_s`: how far the issuer's clock may be from ours. Nothing is asked before the first token."""
        self._issuer, self._audience, self._leeway_s = issuer, audience, leeway_s
        self._scopes_claim, self._scopes_prefix = scopes_claim, scopes_prefix
        self._keys = IssuerKeys(issuer=issuer)

    def __call__(self, secret: str) -> Principal | None:
        """RequestRefusedError, 503: the token may be valid, but its issuer's keys cannot be had."""
        key_id = self._key_id(secret)
        key = None if key_id is None else self._keys.find(key_id)
        if key is None or key.algorithm_name not in ALGORITHMS:
            return None
        try:
            claims = jwt.decode(
                secret,
                key,
                algorithms=[key.algorithm_name],
                issuer=self._issuer,
                audience=self._audience,
                leeway=self._leeway_s,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError):
            return None
        return self._principal(claims)

    def _key_id(self, secret: str) -> str | None:
        """Which key it says to be signed with; None: it is no token of this issuer, so its keys are not asked for."""
        if not secret.isascii() or len(secret) > LONGEST_TOKEN:
            return None
        try:
            unverified = jwt.decode_complete(secret, options={"verify_signature": False})
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            return None
        header, claims = unverified["header"], unverified["payload"]
        key_id = header.get("kid")
        if header.get("alg") not in ALGORITHMS or claims.get("iss") != self._issuer:
            return None
        return key_id if isinstance(key_id, str) else None

    def _principal(self, claims: Mapping[str, Any]) -> Principal | None:
        subject = claims["sub"]
        if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT or not subject.isprintable():
            return None
        return Principal(name=f"oidc:{subject}", scopes=self._scopes(claims.get(self._scopes_claim)))

    def _scopes(self, claim: object) -> frozenset[Scope]:
        """Those of ours; a token may carry others' too."""
        names = claim.split() if isinstance(claim, str) else claim if isinstance(claim, list) else []
        ours = {str(name).removeprefix(self._scopes_prefix) for name in names if self._is_ours(name)}
        return frozenset(scope for scope in Scope if scope in ours)

    def _is_ours(self, name: object) -> bool:
        return isinstance(name, str) and name.startswith(self._scopes_prefix)
