"""Posting: one attempt to deliver something."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import httpx2

from flywheel.core.errors import ConfigError
from flywheel.service.addresses import check_url, resolved

WORTH_REPEATING: Final = (408, 425, 429)
"""Refusals that mean: later."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came of an attempt."""

    status: int | None = None
    """None: there was no answer."""
    problem: str = ""

    @property
    def accepted(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def refused(self) -> bool:
        """The receiver does not want it."""
        return self.status is not None and 400 <= self.status < 500 and self.status not in WORTH_REPEATING


class Poster:
    """Sends bodies. Any thread may."""

    def __init__(self, *, timeout_s: float, allow_link_local: bool) -> None:
        """`timeout_s`: for connecting, and for each next byte."""
        self._timeout, self._allow_link_local = httpx2.Timeout(timeout_s).as_dict(), allow_link_local
        # A transport and no client: no cookies, no redirects, no proxy, and no log of URLs, which may hold secrets.
        # No connection is kept: hosts that share an address would share it.
        self._transport = httpx2.HTTPTransport(
            verify=ssl.create_default_context(),
            trust_env=False,
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=0),
        )

    def post(self, url: str, body: bytes, *, headers: Mapping[str, str]) -> Answer:
        """Never raises: what goes wrong is in the answer. Redirects are not followed; what is answered is not read."""
        try:
            where = check_url(url)
            addresses = resolved(where, allow_link_local=self._allow_link_local)
        except (ConfigError, OSError, UnicodeError) as failure:
            return Answer(problem=str(failure))
        answer = Answer(problem=f"{where.host}: no address")
        for address in addresses:
            answer, connected = self._post_to(address, where, body, headers)
            if connected:
                break
        return answer

    def close(self) -> None:
        """Of its connections."""
        self._transport.close()

    def _post_to(self, address: str, where: httpx2.URL, body: bytes, headers: Mapping[str, str]) -> tuple[Answer, bool]:
        """And whether the address could be reached."""
        request = httpx2.Request(
            "POST",
            where.copy_with(host=address),
            content=body,
            headers={**headers, "Host": where.netloc.decode("ascii")},
            extensions={"timeout": self._timeout, "sni_hostname": where.raw_host.decode("ascii")},
        )
        try:
            response = self._transport.handle_request(request)
            response.close()
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as failure:
            return Answer(problem=f"{type(failure).__name__}: {failure}"), False
        except httpx2.HTTPError as failure:
            return Answer(problem=f"{type(failure).__name__}: {failure}"), True
        if response.is_success:
            return Answer(status=response.status_code), True
        what = "a redirect, which is not followed" if response.is_redirect else response.reason_phrase
        return Answer(status=response.status_code, problem=f"answered {response.status_code}: {what}"), True
