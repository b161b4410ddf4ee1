"""The image as its Dockerfile describes it. None is built here: that needs an engine and a registry."""

import fnmatch
import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest
from containers import DEPLOY, DOCKERFILE, ROOT, copied, environment, instructions, stages, tool

ALL = instructions(DOCKERFILE.read_text(encoding="utf-8"))
BASE, BUILD, IMAGE = stages(ALL)
ENVIRONMENT = environment(IMAGE)


def values(stage, keyword):
    return [some.value for some in stage if some.keyword == keyword]


def test_a_linter_finds_nothing():
    found = tool("hadolint", "--failure-threshold=style", str(DOCKERFILE))
    assert found.returncode == 0, found.stdout + found.stderr


def test_the_linter_would_find_something(tmp_path: Path):
    sloppy = tmp_path / "Dockerfile"
    sloppy.write_text("FROM python:latest\nRUN cd /src\n")
    found = tool("hadolint", str(sloppy))
    assert found.returncode == 1
    assert "DL3007" in found.stdout


def test_the_base_has_an_exact_version_and_may_have_a_digest():
    defaults = dict(value.split("=", 1) for value in values(ALL[: ALL.index(BASE[0])], "ARG"))
    assert re.fullmatch(r"3\.11\.\d+-slim-bookworm", defaults["PYTHON"])
    assert values(BASE, "FROM") == ["python:${PYTHON}${PYTHON_DIGEST:+@${PYTHON_DIGEST}} AS base"]
    assert values(BUILD, "FROM") == ["base AS build"]
    assert values(IMAGE, "FROM") == ["base"]


def test_its_user_is_a_number_that_is_not_root():
    (user,) = values(IMAGE, "USER")
    uid, gid = user.split(":")
    assert int(uid) >= 10_000 <= int(gid)


def test_dependencies_are_installed_before_the_code_is_there():
    order = [some.value for some in BUILD if some.keyword in ("COPY", "RUN")]
    installed = next(at for at, value in enumerate(order) if "install.sh dependencies" in value)
    assert not any("flywheel" in shlex.split(value) for value in order[:installed])
    assert any("constraints.txt" in value for value in order[:installed])


def test_what_is_copied_is_in_the_repository_and_reaches_the_build():
    taken = list(copied(BUILD))
    assert taken
    assert not list(copied(IMAGE))
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    kept = [line.removeprefix("!") for line in lines if line.startswith("!")]
    assert "*" in lines
    for path in taken:
        assert (ROOT / path).exists(), path
        assert any(fnmatch.fnmatch(path, some) for some in kept), path
    assert sorted(kept) == sorted(taken)


def test_its_health_is_asked_of_the_port_that_it_shows():
    (health,) = values(IMAGE, "HEALTHCHECK")
    (port,) = values(IMAGE, "EXPOSE")
    assert f"http://127.0.0.1:{port}/readyz" in health
    assert "wget" in values(IMAGE, "RUN")[0]  # which it calls


def test_it_starts_flywheel_without_a_shell():
    assert values(IMAGE, "ENTRYPOINT") == ['["flywheel"]']
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    assert list(scripts) == ["flywheel"]


def test_it_writes_only_where_it_may():
    for name in ("HOME", "XDG_CACHE_HOME", "MPLCONFIGDIR", "XDG_STATE_HOME"):
        assert Path(ENVIRONMENT[name]).is_relative_to("/tmp") or Path(ENVIRONMENT[name]).is_relative_to("/data")
    assert ENVIRONMENT["PYTHONDONTWRITEBYTECODE"] == "1"
    assert values(IMAGE, "WORKDIR") == ["/data"]


def test_it_tells_nobody_of_itself():
    assert ENVIRONMENT["RAY_USAGE_STATS_ENABLED"] == "0"


def test_it_renders_with_the_packages_that_the_tests_use():
    wanted = {"libegl1", "libgl1", "libgl1-mesa-dri"}
    assert wanted <= set(values(IMAGE, "RUN")[0].split())
    assert wanted <= set(re.split(r"[\s()]+", (ROOT / ".ci" / "run").read_text(encoding="utf-8")))


def test_torch_is_pinned_where_the_installation_looks_for_it():
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert sum(line.startswith("torch==") for line in pins) == 1
    (argument,) = values(BUILD, "ARG")
    assert argument.startswith("TORCH_INDEX=https://")


@pytest.mark.parametrize("script", ["install.sh", "secrets.sh"])
def test_scripts_are_plain_sh(script: str):
    path = DEPLOY / script
    assert path.stat().st_mode & 0o111
    assert path.read_text(encoding="utf-8").startswith("#!/bin/sh\n")
    subprocess.run(["sh", "-n", str(path)], check=True)


def test_a_step_that_does_not_exist_is_refused():
    done = subprocess.run([str(DEPLOY / "install.sh"), "all"], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, "all: no such step; there are: dependencies, flywheel\n")
