"""Wire: requests to one service, repeated while it is away or busy, under one key: nothing is done twice."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import Any, TypeVar
from urllib.parse import quote
from uuid import uuid4

import httpx2
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_before_delay, wait_random_exponential

from flywheel.client.address import Address
from flywheel.client.answers import Page, refusal, strange, understood
from flywheel.core.code_version import CODE_VERSION
from flywheel.core.errors import ApiBusyError, ApiError, UnreachableError

CONNECT_S = 5.0
SILENCE_S = 45.0
"""A stream says something every 15 s, if only that it is there."""
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
PAGE_SIZE = 100

View = TypeVar("View")
Params = Mapping[str, Any]


class CutOffError(Exception):
    """A stream broke. Never leaves this package."""


class Wire:
    """Requests to one service."""

    def __init__(self, *, address: Address, timeout_s: float) -> None:
        """`timeout_s`: how long one request may take, with all its attempts."""
        self._url, self._timeout_s = address.url, timeout_s
        self._http = httpx2.Client(
            headers={"Authorization": f"Bearer {address.token}", "User-Agent": f"flywheel/{CODE_VERSION}"},
            timeout=httpx2.Timeout(timeout_s, connect=min(CONNECT_S, timeout_s)),
            trust_env=not address.is_local,
        )

    def close(self) -> None:
        self._http.close()

    def get(
        self, view: type[View], *path: object, params: Params | None = None, patience_s: float | None = None
    ) -> View:
        """One thing. `patience_s`: instead of the timeout, for all attempts."""
        answer = self._ask("GET", path, params=params, patience_s=patience_s)
        return understood(answer.content, view, of=answer)

    def fetch(self, *path: object, params: Params | None = None) -> httpx2.Response:
        """Whatever is there, as it is: what a success means is for who asks to tell."""
        return self._ask("GET", path, params=params)

    def post(
        self,
        view: type[View],
        *path: object,
        body: Mapping[str, Any] | None = None,
        params: Params | None = None,
        key: str | None = None,
    ) -> View:
        """Something is done, once. `key`: what the request is called; one is made otherwise."""
        answer = self._ask("POST", path, body=body, params=params, key=key or str(uuid4()))
        return understood(answer.content, view, of=answer)

    def end(self, method: str, *path: object, ended: type[ApiError]) -> None:
        """For requests without a key. `ended`: what a repetition is told if an attempt whose answer was lost did it."""
        lost = False

        def attempt() -> httpx2.Response:
            nonlocal lost
            try:
                return self._http.request(method, self._at(path))
            except httpx2.RequestError:
                lost = True
                raise

        try:
            self._persist(attempt, self._timeout_s)
        except ended:
            if not lost:
                raise

    def post_once(self, view: type[View], *path: object, body: Mapping[str, Any]) -> View:
        """For what has no key and may not be repeated. UnreachableError: it may have been done all the same."""
        answer = self._checked(lambda: self._http.post(self._at(path), json=body))
        return understood(answer.content, view, of=answer)

    def pages(self, view: type[View], *path: object, params: Params | None = None) -> Iterator[View]:
        """Every item of a list; a page is asked for when it is needed."""
        token: str | None = None
        while True:
            page = self.get(Page[view], *path, params={"page_size": PAGE_SIZE, **(params or {}), "page_token": token})  # type: ignore[valid-type]
            yield from page.items
            token = page.next_page_token
            if token is None:
                return

    def events(
        self, views: Mapping[str, type[Any]], *path: object, after: str | None, patience_s: float
    ) -> Iterator[tuple[str, Any]]:
        """Server-sent events with their ids, until the service ends the stream. CutOffError: something else did.

        `views`: what an event holds, by its name; others are passed over.
        """
        headers = {"Accept": "text/event-stream"} | ({} if after is None else {"Last-Event-ID": after})
        timeout = httpx2.Timeout(SILENCE_S, connect=CONNECT_S)

        def open_stream() -> httpx2.Response:
            request = self._http.build_request("GET", self._at(path), headers=headers, timeout=timeout)
            answer = self._http.send(request, stream=True)
            if not answer.is_success:
                answer.read()
            return answer

        with closing(self._persist(open_stream, patience_s)) as answer:
            try:
                for event in httpx2.EventSource(answer):
                    if event.event in views:
                        yield event.id, understood(event.data, views[event.event], of=answer)
            except httpx2.SSEError as failure:
                raise strange(answer, str(failure)) from failure
            except httpx2.RequestError as failure:
                raise CutOffError from failure

    def _at(self, path: tuple[object, ...]) -> str:
        """A last part that begins with a colon is a verb. Names may hold anything."""
        parts = [str(part) for part in path]
        verb = parts.pop() if parts[-1].startswith(":") else ""
        return f"{self._url}/v1/" + "/".join(quote(part, safe="") for part in parts) + verb

    def _ask(
        self,
        method: str,
        path: tuple[object, ...],
        *,
        body: Mapping[str, Any] | None = None,
        params: Params | None = None,
        key: str | None = None,
        patience_s: float | None = None,
    ) -> httpx2.Response:
        headers = {} if key is None else {"Idempotency-Key": key}
        given = {name: value for name, value in (params or {}).items() if value is not None}

        def attempt() -> httpx2.Response:
            return self._http.request(method, self._at(path), json=body, params=given, headers=headers)

        return self._persist(attempt, self._timeout_s if patience_s is None else patience_s)

    def _persist(self, attempt: Callable[[], httpx2.Response], patience_s: float) -> httpx2.Response:
        """Repeats what failed on its way, or came at a bad time. ApiError: the service refuses it."""
        return Retrying(
            retry=retry_if_exception_type((UnreachableError, ApiBusyError)),
            wait=_pause_s,
            stop=stop_before_delay(patience_s),
            reraise=True,
        )(self._checked, attempt)

    def _checked(self, attempt: Callable[[], httpx2.Response]) -> httpx2.Response:
        try:
            answer = attempt()
        except httpx2.RequestError as failure:
            raise UnreachableError(f"no service answers at {self._url}: {failure}") from failure
        problem = refusal(answer)
        if problem is not None:
            raise problem
        return answer


_growing = wait_random_exponential(multiplier=FIRST_PAUSE_S, max=LONGEST_PAUSE_S)


def _pause_s(state: RetryCallState) -> float:
    """As long as the service says, otherwise longer each time."""
    failure = state.outcome.exception() if state.outcome else None
    wanted = failure.retry_after_s if isinstance(failure, ApiBusyError) else None
    return _growing(state) if wanted is None else wanted
