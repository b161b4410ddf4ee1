"""The service in the foreground, with a host that is a line of Python."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from small import NAME, small_settings

from flywheel import services
from flywheel.config import parse
from flywheel.core.access import PREFIX, Scope, principal_of
from flywheel.core.errors import ConfigError
from flywheel.hosting.keys import BOOTSTRAP
from flywheel.hosting.running import up
from flywheel.logs import output
from flywheel.services import Service
from flywheel.store.chronicle import utc_now
from flywheel.workshop import Workshop

SECRET = f"{PREFIX}of-this-installation"
CONFIG = parse(small_settings(control={"port": 0}), origin="test")
DEADLINE_S = 120.0

STAY = """
import json, sys
from dataclasses import asdict
from flywheel.config import parse
from flywheel.hosting.running import stay

def announce(service):
    print(json.dumps(asdict(service)), flush=True)

config = parse(json.loads(sys.argv[1]), origin="test")
sys.exit(stay(config, "store", announce=announce, hosting=lambda asked: [sys.executable, "-c", sys.argv[2]]))
"""
HOST = f"""
import os, signal, time
signal.signal(signal.SIGTERM, lambda *_: exit(0))
os.write(os.open(os.environ[{output.VARIABLE!r}], os.O_WRONLY | os.O_APPEND), b"host: here\\n")
time.sleep(600)
"""


def predecessor(pid: int) -> Service:
    return Service(
        name=NAME, store="s", url="http://there", token_file="t", pid=pid, started_at=utc_now(), targets_file="f"
    )


@pytest.fixture(autouse=True)
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = tmp_path / "token"
    token.write_text(SECRET + "\n")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv(f"{BOOTSTRAP}_FILE", str(token))
    monkeypatch.delenv(output.VARIABLE, raising=False)


def test_it_stays_until_it_is_told_to_end(tmp_path: Path):
    command = [sys.executable, "-c", STAY, json.dumps(CONFIG.model_dump(mode="json")), HOST]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        # As in a container that starts again, where processes have the numbers of those before.
        services.write(predecessor(process.pid))
        service = Service(**json.loads(process.stdout.readline()))
        assert services.read(NAME) == service
        assert service.pid == process.pid
        while process.stderr.readline() != "host: here\n":  # What any of its processes logs comes out of this one.
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE_S) == 0
    assert services.read(NAME) is None
    # The token that it was given may do everything, and is where this machine's commands look for it.
    assert Path(service.token_file).read_text() == SECRET + "\n"
    control = Workshop(config=CONFIG, store=service.store).chronicle().control()
    found = principal_of(SECRET, control.tokens.values(), now=utc_now())
    assert found is not None
    assert found.may(Scope.ADMIN)


def test_one_that_is_up_is_not_started_twice(tmp_path: Path):
    services.write(predecessor(os.getppid()))
    with pytest.raises(ConfigError, match=f"{NAME} is up at http://there, process {os.getppid()}"):
        up(CONFIG, str(tmp_path / "store"))
    assert not (tmp_path / "store").exists()
