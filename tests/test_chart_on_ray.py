"""What the chart renders, on a real Ray with the environment of its pods: an iteration by the script of `helm test`,
and an upgrade of the loop on the same Ray.
"""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import IO, Any

import pytest
import yaml
from charts import Manifest, only, render
from s3_store import new_store
from seaweed import Seaweed, free_ports
from small import small_settings
from test_chart_scripts import ran

from flywheel.client import Flywheel
from flywheel.core.control import IterationState
from flywheel.store import layout
from flywheel.store.objects import open_objects

pytestmark = pytest.mark.timeout(600)
UPGRADE_TIMEOUT_S = 60.0
POLL_S = 0.5
MADE_BY_KUBERAY = {"RAY_AUTH_TOKEN", "RAY_AUTH_MODE"}
PLACES = ("HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "MPLCONFIGDIR")
"""Folders of a pod of its own; here they are the test's."""


class Installed:
    """A release on a store of this machine."""

    def __init__(self, *, server: Seaweed, folder: Path) -> None:
        self._folder, self._server = folder, server
        self._store, (self._port,) = new_store(server), free_ports(1)
        self.url = f"http://127.0.0.1:{self._port}"
        self.manifests = self.rendered(requests_per_minute=600)
        (secret,) = [one for one in self.manifests if one["kind"] == "Secret"]
        self._secrets = {name: base64.b64decode(value).decode() for name, value in secret["data"].items()}

    @property
    def token(self) -> str:
        return self._secrets["token"]

    def rendered(self, *, requests_per_minute: int) -> list[Manifest]:
        control = {"port": self._port, "requests_per_minute": requests_per_minute}
        values = {
            "loop": small_settings(control=control),
            "store": {"url": self._store, "endpoint": self._server.endpoint, "existingSecret": "store"},
            "tests": {"timeoutSeconds": 300, "overrides": {"train": {"num_updates": 20}}},
        }
        path = self._folder / "values.yaml"
        path.write_text(yaml.safe_dump(values), encoding="utf-8")
        return render("-f", str(path))

    def serving(self, manifests: list[Manifest], name: str) -> Path:
        """A file of what Ray Serve is to run."""
        path = self._folder / name
        path.write_text(only(manifests, "RayService")["spec"]["serveConfigV2"], encoding="utf-8")
        return path

    @property
    def head(self) -> dict[str, Any]:
        """Its container."""
        cluster = only(self.manifests, "RayService")["spec"]["rayClusterConfig"]
        container: dict[str, Any] = cluster["headGroupSpec"]["template"]["spec"]["containers"][0]
        return container

    def shown(self) -> list[str]:
        """Processes that turn something on its store, as they show themselves."""
        return list(open_objects(self._store, environ=self._server.environment).keys(layout.PRESENCE))

    def environment(self) -> dict[str, str]:
        """Of the head's container, with the values of the secrets that it names."""
        secrets = {**self._secrets, **self._server.environment}
        found = {
            one["name"]: one["value"] if "value" in one else secrets[one["valueFrom"]["secretKeyRef"]["key"]]
            for one in self.head["env"]
        }
        return {name: str(self._folder / name) if name in PLACES else value for name, value in found.items()}


@pytest.fixture(scope="module")
def installed(seaweed: Seaweed, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(server=seaweed, folder=tmp_path_factory.mktemp("chart"))


@pytest.fixture(scope="module")
def ray(installed: Installed) -> Iterator[subprocess.Popen[str]]:
    """The process that serves it. Files that are written to its input are upgrades."""
    kept = {name: value for name, value in os.environ.items() if name not in MADE_BY_KUBERAY}
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).parent / "charted.py"), str(installed.serving(installed.manifests, "1"))],
        env={**kept, **installed.environment()},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert lines(process.stdout).readline() == "runs\n"
    yield process
    process.communicate()
    assert process.returncode == 0


def lines(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


@pytest.mark.usefixtures("ray")
def test_the_script_of_helm_test_turns_it(installed: Installed, tmp_path: Path):
    env = {"FLYWHEEL_URL": installed.url, "FLYWHEEL_TOKEN": installed.token}
    ended, said = ran(only(installed.manifests, "Pod"), installed.manifests, tmp_path, env)
    assert ended == 0, said
    assert "iteration 0: succeeded" in said


def test_an_upgrade_of_the_loop_goes_on_with_the_same_store(installed: Installed, ray: subprocess.Popen[str]):
    upgraded = installed.serving(installed.rendered(requests_per_minute=599), "2")
    lines(ray.stdin).write(f"{upgraded}\n")
    lines(ray.stdin).flush()
    assert lines(ray.stdout).readline() == "runs\n"
    with Flywheel(installed.url, installed.token, timeout_s=60) as wheel:
        deadline = monotonic() + UPGRADE_TIMEOUT_S
        while wheel.config().settings["control"]["requests_per_minute"] != 599:
            assert monotonic() < deadline, "it goes on with the settings of before"
            sleep(POLL_S)
        (before,) = wheel.iterations.all()
        assert before.state is IterationState.SUCCEEDED
        made = wheel.iterations.create(overrides={"train": {"num_updates": 10}})
        over = wheel.iterations.wait(made.number, timeout_s=300)
        assert over.state in {IterationState.SUCCEEDED, IterationState.REJECTED}, over.reason
        assert over.owner != before.owner, "the supervisor still has the settings of before"


def test_what_the_head_does_before_it_ends_leaves_what_is_turned_to_others(
    installed: Installed, ray: subprocess.Popen[str]
):
    with Flywheel(installed.url, installed.token, timeout_s=60) as wheel:
        asked = wheel.iterations.create(overrides={"train": {"num_updates": 1_000_000}}).number
        deadline = monotonic() + UPGRADE_TIMEOUT_S
        while (progress := wheel.iterations.get(asked).progress) is None or progress.stage != "train":
            assert monotonic() < deadline, "it does not train"
            sleep(POLL_S)
        present = installed.shown()
        command = installed.head["lifecycle"]["preStop"]["exec"]["command"]
        lines(ray.stdin).write(f"{json.dumps(command)}\n")
        lines(ray.stdin).flush()
        assert lines(ray.stdout).readline() == "done\n"
        assert (len(present), installed.shown()) == (1, [])
        assert wheel.iterations.get(asked).state is IterationState.RUNNING
