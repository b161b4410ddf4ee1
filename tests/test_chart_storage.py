"""The bundled S3 as the chart runs it: its arguments and its file of identities, on a real SeaweedFS."""

import base64
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest
from charts import Manifest, case, only
from seaweed import PORTS, binary, free_ports

from flywheel.core.errors import StoreError
from flywheel.store.objects import open_objects
from flywheel.store.probe import prove_put_if_absent

BUNDLED = "bundled-s3-values.yaml"
READY_TIMEOUT_S = 60.0
POLL_S = 0.1


def arguments(folder: Path, ports: dict[str, int]) -> list[str]:
    """Of the container, with this machine's folders and ports in place of the pod's."""
    (container,) = only(case(BUNDLED), "StatefulSet")["spec"]["template"]["spec"]["containers"]
    places = {"/data": str(folder), "/etc/seaweedfs/": f"{folder}/", "$(POD_IP)": "127.0.0.1", "0.0.0.0": "127.0.0.1"}
    found = [one for one in container["args"] if not one.startswith("-s3.port=")]
    for there, here in places.items():
        found = [one.replace(there, here) for one in found]
    sockets = [f"-{name}.localSocket={folder / name}.sock" for name in ("s3", "filer")]
    return [*found, *sockets, *[f"-{name}={port}" for name, port in ports.items()]]


def secret() -> dict[str, str]:
    (found,) = [one for one in case(BUNDLED) if one["kind"] == "Secret" and "s3.json" in one["data"]]
    return {name: base64.b64decode(value).decode() for name, value in found["data"].items()}


@pytest.fixture
def address() -> Iterator[str]:
    """Of the server. Not in pytest's folder: the paths of Unix sockets must be short."""
    folder = Path(tempfile.mkdtemp(prefix="weed-"))
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    (folder / "s3.json").write_text(secret()["s3.json"], encoding="utf-8")
    with (folder / "output.txt").open("wb") as output:
        command = [str(binary()), *arguments(folder, ports)]
        process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
    try:
        yield f"http://127.0.0.1:{ports['s3.port']}"
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder)


def test_the_store_can_be_relied_on_with_the_keys_that_were_made(address: str, monkeypatch: pytest.MonkeyPatch):
    keys = secret()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, keys[name])
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    objects = open_objects(store_of(case(BUNDLED)))
    deadline = monotonic() + READY_TIMEOUT_S
    while True:
        try:
            prove_put_if_absent(objects)
            break
        except StoreError:
            assert monotonic() < deadline
            sleep(POLL_S)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of somebody else")
    with pytest.raises(StoreError):
        prove_put_if_absent(open_objects(store_of(case(BUNDLED))))


def store_of(manifests: list[Manifest]) -> str:
    """As Ray Serve is told."""
    text = only(manifests, "RayService")["spec"]["serveConfigV2"]
    return next(line.split('"')[3] for line in text.splitlines() if '"store"' in line)
