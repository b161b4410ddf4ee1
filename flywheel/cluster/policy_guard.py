"""Guard: who may ask the policy endpoint."""

from collections.abc import Callable
from hmac import compare_digest

from flywheel.core.access import Principal, Scope, digest_of

Identify = Callable[[str], Principal | None]
"""Whose a token is; None: it is none. Asked at every request, so it never waits."""


class NotAllowedError(Exception):
    """401 without a valid token, 403 without the scope."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


class Guard:
    """Lets in the bearers of tokens, and whoever deploys, who has a secret of its own."""

    def __init__(self, *, identify: Identify | None, open_metrics: bool = True) -> None:
        """None: whoever reaches this port may ask. `open_metrics`: and may read metrics in any case."""
        self._identify, self._open_metrics = identify, open_metrics
        self._own_digest = ""

    def expect(self, own_digest: str) -> None:
        """From now on the deployer's secret is the one with this digest."""
        self._own_digest = own_digest

    def check_acting(self, authorization: str) -> None:
        """NotAllowedError: the header names nobody who may act."""
        who = self._bearer(authorization)
        if who is not None and not who.may(Scope.ACT):
            raise NotAllowedError(403, f"{who.name} lacks the scope {Scope.ACT}")

    def check_reading(self, authorization: str) -> None:
        """NotAllowedError: metrics are not open, and the header names nobody."""
        if not self._open_metrics:
            self._bearer(authorization)

    def _bearer(self, authorization: str) -> Principal | None:
        """None: nobody needs to be known, or it is the deployer."""
        if self._identify is None:
            return None
        kind, _, secret = authorization.partition(" ")
        if kind.lower() == "bearer" and compare_digest(digest_of(secret), self._own_digest):
            return None
        who = self._identify(secret) if kind.lower() == "bearer" else None
        if who is None:
            raise NotAllowedError(401, "a valid token is needed: Authorization: Bearer <token>")
        return who
