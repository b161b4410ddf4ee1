"""A real service for clients: the application under uvicorn in a thread, and ways to disturb it."""

import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from threading import Lock, Thread
from typing import Any

import pytest
import uvicorn
from desk import Desk, open_desk
from small import small_config

from flywheel.api.application import create_app
from flywheel.client import Flywheel
from flywheel.core.access import Scope
from flywheel.core.commands import iterations
from flywheel.core.control import IterationState
from flywheel.journal import Progress
from flywheel.ports import Chronicle

App = Callable[[Any, Any, Any], Awaitable[None]]


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """Its address."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1))
    thread = Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


@pytest.fixture
def desk(tmp_path: Any) -> Desk:
    return open_desk(tmp_path / "store", small_config())


@pytest.fixture
def address(desk: Desk) -> Iterator[str]:
    with serving(create_app(desk.plane)) as url:
        yield url


@pytest.fixture
def wheel(desk: Desk, address: str) -> Iterator[Flywheel]:
    """A client that may do everything."""
    with Flywheel(address, desk.secrets[Scope.ADMIN]) as client:
        yield client


@dataclass
class TurningWatch:
    """Turns a queued iteration as soon as it is told of it, and ends it as it is said to."""

    chronicle: Chronicle
    ending: IterationState
    reason: str

    def progress(self) -> Progress | None:
        return None

    def metrics(self) -> str | None:
        return None

    def nudge(self) -> None:
        for queued in self.chronicle.control().queued:
            for decide in (
                partial(iterations.start, number=queued.number, by="supervisor", owner="process 1"),
                partial(iterations.complete_stage, number=queued.number, stage="collect", by="supervisor", summary={}),
                partial(
                    iterations.finish, number=queued.number, state=self.ending, by="supervisor", reason=self.reason
                ),
            ):
                self.chronicle.append(decide)


@contextmanager
def turning(desk: Desk, ending: IterationState, reason: str) -> Iterator[str]:
    """The address of a service whose iterations end at once."""
    watch = TurningWatch(chronicle=desk.plane.chronicle, ending=ending, reason=reason)
    with serving(create_app(replace(desk.plane, watch=watch))) as url:
        yield url


class Stumbling:
    """An application whose next answers are lost, after it did what was asked, or are others."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.next: list[tuple[int, dict[str, str]] | None] = []
        """None: the answer is lost on its way. A status and headers: nothing is done."""
        self.asked: list[tuple[str, str, dict[str, str]]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.asked.append((scope["method"], scope["path"], headers))
        if not self.next:
            await self._app(scope, receive, send)
            return
        stumble = self.next.pop(0)
        if stumble is None:
            await self._app(scope, receive, _nowhere)
            # Half an answer: uvicorn closes the connection.
            await send({"type": "http.response.start", "status": 202, "headers": [(b"content-length", b"9999")]})
        status, more = stumble
        raw = [(name.encode(), value.encode()) for name, value in more.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": b""})


async def _nowhere(message: Any) -> None:
    """Where an answer goes that is lost."""


class Cable:
    """A TCP connection between clients and a service that can be cut: bytes on the way are lost."""

    def __init__(self, url: str) -> None:
        self.lead_to(url)
        self._lock = Lock()
        self._ends: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.num_connections = 0
        self.num_bytes: int | None = None
        """How many bytes of answers the next connection carries before it is cut; None: all."""
        Thread(target=self._accept, daemon=True).start()

    def lead_to(self, url: str) -> None:
        """From the next connection on."""
        host, port = url.removeprefix("http://").split(":")
        self._there = (host, int(port))

    def cut(self) -> None:
        """All that are there; new ones may be made."""
        with self._lock:
            ends, self._ends = self._ends, []
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listening.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(self._there)
            except OSError:
                near.close()
                continue
            with self._lock:
                self._ends += [near, far]
                self.num_connections += 1
                limit, self.num_bytes = self.num_bytes, None
            Thread(target=_pump, args=(near, far, None), daemon=True).start()
            Thread(target=_pump, args=(far, near, limit), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket, limit: int | None) -> None:
    left = limit
    with suppress(OSError):
        while left != 0 and (chunk := source.recv(1024 if left is None else min(1024, left))):
            sink.sendall(chunk)
            left = None if left is None else left - len(chunk)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()


@pytest.fixture
def cable(address: str) -> Iterator[Cable]:
    made = Cable(address)
    yield made
    made.close()
