"""The public keys of an OpenID Connect provider."""

from threading import Lock
from time import monotonic
from typing import Final

import httpx2
from jwt import PyJWK, PyJWKClient, PyJWTError
from jwt.exceptions import PyJWKClientConnectionError

from flywheel.api.problems import RequestRefusedError

DISCOVERY: Final = "/.well-known/openid-configuration"
TIMEOUT_S: Final = 5.0
LIFESPAN_S: Final = 150.0
"""Of a key, and of the set that it was found in: what the issuer withdraws counts at most twice as long."""
PAUSE_S: Final = 10.0
"""After the issuer did not answer: until then, nobody waits for it again."""


class IssuerKeys:
    """Found by discovery, and kept for a while. Any thread may ask."""

    def __init__(self, *, issuer: str) -> None:
        self._issuer = issuer
        self._client: PyJWKClient | None = None
        self._found: dict[str, tuple[PyJWK, float]] = {}
        """Id -> key, and until when it counts."""
        self._problem, self._silent_until = "", 0.0
        self._lock = Lock()

    def find(self, key_id: str) -> PyJWK | None:
        """None: the issuer has no such key. RequestRefusedError, 503: it cannot be asked."""
        known = self._known(key_id)
        if known is not None:
            return known
        with self._lock:
            return self._known(key_id) or self._fetched(key_id)

    def _known(self, key_id: str) -> PyJWK | None:
        key, until = self._found.get(key_id, (None, 0.0))
        return key if monotonic() < until else None

    def _fetched(self, key_id: str) -> PyJWK | None:
        if monotonic() < self._silent_until:
            raise self._unavailable()
        try:
            client = self._client or PyJWKClient(self._keys_url(), lifespan=LIFESPAN_S, timeout=TIMEOUT_S)
            client.get_signing_keys()
        except (PyJWTError, httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as failure:
            raise self._silent(failure) from failure
        self._client = client
        try:
            key = client.get_signing_key(key_id)
        except PyJWKClientConnectionError as failure:
            raise self._silent(failure) from failure
        except PyJWTError:
            return None
        self._found[key_id] = key, monotonic() + LIFESPAN_S
        return key

    def _silent(self, failure: Exception) -> RequestRefusedError:
        """Where its keys are is asked again too, once the pause is over."""
        self._client = None
        self._problem, self._silent_until = f"{type(failure).__name__}: {failure}", monotonic() + PAUSE_S
        return self._unavailable()

    def _keys_url(self) -> str:
        """As the issuer says. ValueError: it says something else."""
        answer = httpx2.get(f"{self._issuer.rstrip('/')}{DISCOVERY}", timeout=TIMEOUT_S, follow_redirects=False)
        answer.raise_for_status()
        document = answer.json()
        if not isinstance(document, dict) or document.get("issuer") != self._issuer:
            raise ValueError(f"{answer.url} is not of the issuer {self._issuer}")
        url = document.get("jwks_uri")
        if not isinstance(url, str):
            raise ValueError(f"{answer.url} names no jwks_uri")
        return url

    def _unavailable(self) -> RequestRefusedError:
        return RequestRefusedError(
            503,
            f"the tokens' issuer {self._issuer} cannot be asked for its keys: {self._problem}",
            headers={"Retry-After": str(int(PAUSE_S))},
        )
