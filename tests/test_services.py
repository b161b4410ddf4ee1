import json
import os
import stat
import subprocess
import sys
from dataclasses import replace

import pytest

from flywheel import services
from flywheel.core.errors import ConfigError

SERVICE = services.Service(
    name="tabletop",
    store="runs/tabletop",
    url="http://127.0.0.1:8000",
    token_file="/state/token",
    pid=os.getpid(),
    started_at="2026-01-05T09:30:00.000Z",
    ray_metrics_url="http://127.0.0.2:9000/metrics",
)


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


def test_what_was_written_is_read(state):
    path = services.write(SERVICE)
    assert path == state / "flywheel" / "services" / "tabletop.json"
    assert json.loads(path.read_text())["url"] == SERVICE.url
    assert services.read("tabletop") == SERVICE
    assert services.read("other") is None


def test_nobody_else_reads_it(state):
    path = services.write(SERVICE)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [found.name for found in path.parent.iterdir()] == ["tabletop.json"]


def test_a_service_that_starts_again_replaces_its_file():
    services.write(SERVICE)
    services.write(replace(SERVICE, url="http://127.0.0.1:9000"))
    assert [found.url for found in services.all()] == ["http://127.0.0.1:9000"]


def test_all_are_listed_by_name_and_removed_one_by_one():
    assert services.all() == []
    for name in ("b", "a"):
        services.write(replace(SERVICE, name=name))
    assert [found.name for found in services.all()] == ["a", "b"]
    services.remove("a")
    services.remove("a")
    assert [found.name for found in services.all()] == ["b"]


def test_without_a_state_folder_of_its_own_it_is_in_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert services.folder() == tmp_path / ".local" / "state" / "flywheel" / "services"


def test_a_service_is_up_as_long_as_its_process():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    service = replace(SERVICE, pid=child.pid)
    assert service.is_up
    child.communicate(b"\n")
    assert not service.is_up


@pytest.mark.parametrize("name", ["", "..", "a/b", "../../etc", ".hidden"])
def test_a_name_that_leads_elsewhere_is_refused(name):
    with pytest.raises(ConfigError, match="cannot be the name of a service"):
        services.read(name)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"name": "tabletop"}'])
def test_a_file_that_is_none_is_named(text):
    path = services.write(SERVICE)
    path.write_text(text)
    with pytest.raises(ConfigError, match=f"{path}: not the file of a service"):
        services.all()
