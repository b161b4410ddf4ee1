"""A receiver of webhooks: a real HTTP server in a thread, which answers as it is told."""

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Event, Thread
from typing import Any

PATIENCE_S = 30.0
HANG = "hang"
CLOSE = "close"


@dataclass
class Delivered:
    """A request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def entry(self) -> dict[str, Any]:
        return json.loads(self.body)


@dataclass
class Receiver:
    """Answers each request with the next of `script`, and 204 once that is over."""

    script: list[int | str] = field(default_factory=list)
    delivered: list[Delivered] = field(default_factory=list)
    location: str = ""
    port: int = 0
    changed: Condition = field(default_factory=Condition)
    over: Event = field(default_factory=Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?to=me"

    def take(self, request: Delivered) -> int | str:
        with self.changed:
            self.delivered.append(request)
            self.changed.notify_all()
            return self.script.pop(0) if self.script else 204

    def wait(self, count: int) -> list[Delivered]:
        """Until so many requests arrived."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.delivered) >= count, PATIENCE_S), self.delivered
            return list(self.delivered)


@contextmanager
def receiving(*script: int | str, location: str = "", encrypted: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """HANG: no answer before the test is over. CLOSE: the connection ends without one."""
    receiver = Receiver(script=list(script), location=location)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = receiver.take(Delivered(path=self.path, headers=headers, body=body))
            if answer == HANG:
                receiver.over.wait(PATIENCE_S)
            if isinstance(answer, int):
                self.send_response(answer)
                self.send_header("Location", receiver.location)
                self.send_header("Set-Cookie", "who=me; Path=/")
                self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """A client that does not like the certificate."""

    server = Server(("127.0.0.1", 0), Handler)
    if encrypted is not None:
        server.socket = encrypted.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    receiver.port = server.server_port
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.over.set()
        server.shutdown()
        server.server_close()
        thread.join(PATIENCE_S)


def closed_port() -> int:
    """Of this machine, where nobody listens."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.server_close()
    return server.server_port
