"""Who is asking: bearers of our tokens, or of an OpenID Connect provider's."""

from collections.abc import Callable, Sequence

from flywheel.core.access import PREFIX, Principal, principal_of
from flywheel.core.control import Control

Identify = Callable[[str], Principal | None]
"""A bearer token -> whose it is; None: not valid."""


class TokenIdentity:
    """Our own tokens, by their digests in the chronicle."""

    def __init__(self, *, control: Callable[[], Control], now: Callable[[], str]) -> None:
        self._control, self._now = control, now

    def __call__(self, secret: str) -> Principal | None:
        if not secret.startswith(PREFIX):
            return None
        return principal_of(secret, self._control().tokens.values(), now=self._now())


def first_of(identities: Sequence[Identify]) -> Identify:
    """Asks one after the other."""

    def identify(secret: str) -> Principal | None:
        return next((found for one in identities if (found := one(secret)) is not None), None)

    return identify
