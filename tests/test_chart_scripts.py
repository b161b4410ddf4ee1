"""The scripts in the chart, run as its pods run them, against real HTTP."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from answering import serving, turning
from charts import Manifest, case, given, only
from desk import Desk
from fastapi import FastAPI, Header, HTTPException, Request

from flywheel.core.access import Scope
from flywheel.core.control import IterationState

MINIMAL, EXISTING = "minimal-values.yaml", "existing-ray-values.yaml"
TIMEOUT_S = 360
"""More than a whole iteration on a real Ray takes."""


def ran(pod: Manifest, manifests: list[Manifest], folder: Path, env: Mapping[str, str]) -> tuple[int, str]:
    """Exit code and output of the pod's container here, with the files of its ConfigMap and more environment."""
    (container,) = pod["spec"]["containers"]
    (volume,) = [one for one in pod["spec"]["volumes"] if "configMap" in one]
    (mount,) = [one["mountPath"] for one in container["volumeMounts"] if one["name"] == volume["name"]]
    (config,) = [one for one in manifests if one["metadata"]["name"] == volume["configMap"]["name"] and "data" in one]
    for name, text in config["data"].items():
        (folder / name).write_text(text, encoding="utf-8")
    python, *arguments = [one.replace(mount, str(folder)) for one in container["command"]]
    assert python == "python"
    plain = {one["name"]: one["value"] for one in container["env"] if "value" in one}
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, **plain, **env},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("ending", "code"), [(IterationState.SUCCEEDED, 0), (IterationState.REJECTED, 0), (IterationState.FAILED, 1)]
)
def test_a_turn_is_asked_for_and_waited_for(desk: Desk, tmp_path: Path, ending: IterationState, code: int):
    manifests = case(MINIMAL)
    with turning(desk, ending, "because") as url:
        env = {"FLYWHEEL_URL": url, "FLYWHEEL_TOKEN": desk.secrets[Scope.ADMIN]}
        ended, said = ran(only(manifests, "Pod"), manifests, tmp_path, env)
    assert ended == code, said
    assert f"iteration 0: {ending} because" in said
    (made,) = desk.plane.chronicle.control().iterations.values()
    assert made.overrides["train"] == {"num_updates": 20}


def test_where_only_the_plan_is_wanted_nothing_is_started(desk: Desk, address: str, tmp_path: Path):
    manifests = given(MINIMAL, {"tests.iteration": False})
    env = {"FLYWHEEL_URL": address, "FLYWHEEL_TOKEN": desk.secrets[Scope.ADMIN]}
    ended, said = ran(only(manifests, "Pod"), manifests, tmp_path, env)
    assert (ended, "iteration 0 can be made" in said) == (0, True), said
    assert not desk.plane.chronicle.control().iterations


def test_a_token_that_is_not_valid_is_said(desk: Desk, address: str, tmp_path: Path):
    manifests = case(MINIMAL)
    env = {"FLYWHEEL_URL": address, "FLYWHEEL_TOKEN": "fw_wrong"}
    ended, said = ran(only(manifests, "Pod"), manifests, tmp_path, env)
    assert ended == 1
    assert "a valid token is needed" in said
    assert "Traceback" not in said


@contextmanager
def dashboard(states: list[str], asked: list[Any]) -> Iterator[str]:
    """As much of Ray's as is asked: it takes a configuration for a token, and tells how the application does."""
    app, path = FastAPI(), "/api/serve/applications/"

    @app.put(path)
    async def put(request: Request, authorization: str = Header("")) -> None:
        if authorization != "Bearer secret":
            raise HTTPException(401, "a token is needed")
        asked.append(await request.json())

    @app.get(path)
    def get() -> Any:
        return {"applications": {"control": {"status": states.pop(0), "message": "no store"}}}

    with serving(app) as url:
        yield url


@pytest.mark.parametrize(
    ("token", "states", "code", "said"),
    [
        ("secret", ["DEPLOYING", "RUNNING"], 0, "control runs"),
        ("secret", ["DEPLOY_FAILED"], 1, "control does not start: no store"),
        ("", [], 1, "Ray refuses it: 401"),
    ],
)
def test_an_existing_cluster_is_given_the_configuration(
    tmp_path: Path, token: str, states: list[str], code: int, said: str
):
    manifests, asked = case(EXISTING), []
    pod = only(manifests, "Job", "submit")["spec"]["template"]
    with dashboard(states, asked) as url:
        ended, heard = ran(pod, manifests, tmp_path, {"RAY_DASHBOARD": url, "RAY_AUTH_TOKEN": token})
    assert ended == code, heard
    assert said in heard
    assert "Traceback" not in heard
    assert [one["applications"][0]["name"] for one in asked] == (["control"] if token else [])
