"""A small real S3 server that goes wrong on demand, in this process."""

from collections import deque
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self

from minio.credentials.providers import StaticProvider

from flywheel.store.retries import Patience
from flywheel.store.s3 import S3Bucket
from flywheel.store.settings import S3Settings


@dataclass(frozen=True)
class Fault:
    """What one request meets."""

    status: int = 0
    """Answered instead of doing what is asked; 0: it is done, and the connection is closed without an answer."""
    code: str = ""
    kind: str = "application/xml"


class OddStore:
    """Objects by name. Each request takes the next of `faults`, while there are any; none succeeds while `away`."""

    def __init__(self, *, conditional: bool = True) -> None:
        """`conditional`: whether put-if-absent is enforced."""
        self.stored: dict[str, bytes] = {}
        self.faults: deque[Fault] = deque()
        self.requests: list[tuple[str, str]] = []
        self.conditional, self.away = conditional, False
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.odd = self  # type: ignore[attr-defined]
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to reach it."""
        return {
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_ENDPOINT_URL": f"http://{self.endpoint}",
        }

    def objects(self, *, patience: Patience | None = None) -> S3Bucket:
        """Its one bucket."""
        settings = S3Settings(
            endpoint=self.endpoint,
            secure=False,
            region="us-east-1",
            ca_file=None,
            credentials=StaticProvider("key", "secret"),
        )
        return S3Bucket(bucket="bucket", prefix="", settings=settings, patience=patience or Patience())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._handle()

    do_HEAD = do_PUT = do_DELETE = do_GET  # noqa: N815 - names that http.server prescribes

    def log_message(self, *_: Any) -> None:
        pass

    def _handle(self) -> None:
        odd: OddStore = self.server.odd  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        odd.requests.append((self.command, self.path))
        fault = odd.faults.popleft() if odd.faults else None
        if odd.away:
            self._answer(503, _error("SlowDown"))
            return
        if fault is not None and fault.status:
            self._answer(fault.status, _error(fault.code), kind=fault.kind)
            return
        status, data = self._done(odd, body)
        if fault is not None:
            self.close_connection = True
            return
        self._answer(status, data)

    def _done(self, odd: OddStore, body: bytes) -> tuple[int, bytes]:
        name = self.path.partition("?")[0]
        if self.command == "PUT":
            if odd.conditional and self.headers.get("If-None-Match") == "*" and name in odd.stored:
                return 412, _error("PreconditionFailed")
            odd.stored[name] = body
            return 200, b""
        if self.command == "DELETE":
            odd.stored.pop(name, None)
            return 204, b""
        return (200, odd.stored[name]) if name in odd.stored else (404, _error("NoSuchKey"))

    def _answer(self, status: int, data: bytes, *, kind: str = "application/xml") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if status != 204:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


def _error(code: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>as told</Message><Resource>/</Resource></Error>".encode()
