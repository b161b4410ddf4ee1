"""What S3 is asked for: requests of the steps that an iteration is made of, counted on their way to a real server."""

import http.client
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

from benchmarks.synthetic import Shape
from benchmarks.writing import machine, publish, table
from flywheel.store.chronicle import RecordedChronicle
from flywheel.store.episodes import DeltaEpisodes
from flywheel.store.objects import Objects, open_objects
from flywheel.store.records import JsonRecords

ENDPOINT = "AWS_ENDPOINT_URL"
PARTS = 8
VERSIONS = 60
"""Commits before a version is opened: a checkpoint of the log is among them, and commits after it."""
KINDS = ("GET", "HEAD", "PUT", "LIST", "POST", "DELETE")
OPEN = "from flywheel.store.episodes import DeltaEpisodes as E; from flywheel.store.objects import open_objects as o; "


def measure(store: str) -> None:
    """Of an empty `s3://` store, whose server `AWS_ENDPOINT_URL` names."""
    before = machine()
    with _counted(os.environ[ENDPOINT]) as counts:
        objects = open_objects(store)
        asked = {name: _asked(counts, step) for name, step in _steps(objects, store)}
    rows = [[name, *(some.get(kind, 0) for kind in KINDS), sum(some.values())] for name, some in asked.items()]
    publish(
        "requests",
        title="Requests to S3",
        text=table(["step", *KINDS, "all"], rows),
        result={"steps": asked},
        before=before,
    )


def _steps(objects: Objects, store: str) -> Iterator[tuple[str, Callable[[], object]]]:
    episodes, records = DeltaEpisodes(objects=objects), JsonRecords(objects=objects)
    rows = [made.rows()[0] for made in Shape(num_episodes=64 * PARTS, episodes_per_file=64).files()]
    parts = [episodes.table.write(some) for some in rows[1:]]
    yield "write a part of 64 episodes", lambda: parts.append(episodes.table.write(rows[0]))
    yield "the first commit", lambda: episodes.commit(parts, transaction="first")
    for number in range(VERSIONS):
        episodes.commit(parts[:1], transaction=f"again-{number}")
    yield f"a commit after {VERSIONS}", lambda: episodes.commit(parts, transaction="last")
    yield "open the newest version in a new process", lambda: _elsewhere(f"E(objects=o({store!r})).size()")
    yield "write a record", lambda: records.write("records/some/0000", {"a": 1})
    yield "read a record", lambda: records.read("records/some/0000")
    yield "look for an entry that is not there yet", RecordedChronicle(records=records).control
    part = parts[0].path
    yield "read all rows of a part", lambda: list(episodes.of_file(f"episodes/{part}"))


def _elsewhere(expression: str) -> None:
    subprocess.run([sys.executable, "-c", OPEN + expression], check=True)


def _asked(counts: Counter[str], step: Callable[[], object]) -> dict[str, int]:
    counts.clear()
    step()
    return dict(counts)


@contextmanager
def _counted(endpoint: str) -> Iterator[Counter[str]]:
    """Requests to the endpoint by kind, while the environment names a door that stands before it."""
    counts: Counter[str] = Counter()
    door = ThreadingHTTPServer(("127.0.0.1", 0), _door(endpoint, counts))
    Thread(target=door.serve_forever, daemon=True).start()
    os.environ[ENDPOINT] = f"http://127.0.0.1:{door.server_address[1]}"
    try:
        yield counts
    finally:
        os.environ[ENDPOINT] = endpoint
        door.shutdown()
        door.server_close()


def _door(endpoint: str, counts: Counter[str]) -> type[BaseHTTPRequestHandler]:
    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def pass_on(self) -> None:
            counts["LIST" if "list-type=" in self.path else self.command] += 1
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            server = http.client.HTTPConnection(urlsplit(endpoint).netloc)
            # The signature covers the name by which the door was asked.
            server.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                server.putheader(name, value)
            server.endheaders(body)
            self._answer(server.getresponse())
            server.close()

        def _answer(self, answer: http.client.HTTPResponse) -> None:
            body = answer.read()
            self.send_response_only(answer.status)
            for name, value in _kept(answer.headers).items():
                self.send_header(name, value)
            if self.command != "HEAD":
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    def _kept(headers: http.client.HTTPMessage) -> Mapping[str, str]:
        return {
            name: value for name, value in headers.items() if name.lower() not in ("transfer-encoding", "connection")
        }

    for method in ("GET", "HEAD", "PUT", "POST", "DELETE"):
        setattr(Door, f"do_{method}", Door.pass_on)
    return Door
