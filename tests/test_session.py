import os
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import pytest
import ray
from faults import kill_head

from flywheel.cluster.session import RaySession
from flywheel.core.errors import ConfigError


def holders(folder: Path) -> list[int]:
    """Processes with an open file in the folder."""
    found = set()
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(link).startswith(f"{folder}/"):
                found.add(int(link.parts[2]))
        except OSError:
            continue
    return sorted(found)


@pytest.mark.parametrize("how", ["kill", "end", "kill the head"])
def test_nothing_of_ray_outlives_the_process_that_started_it(how: str):
    folder = Path("/tmp") / f"fw-{os.getpid()}-{how.split()[-1]}"  # Ray's sockets need a short path.
    folder.mkdir()
    here = Path(__file__).parent
    environment = os.environ | {"RAY_TMPDIR": str(folder)}
    script = [sys.executable, str(here / "embedding.py")]
    with subprocess.Popen(
        script, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd=here.parent
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == b"ready\n"
        assert len(holders(folder)) > 5
        if how == "kill":
            process.kill()
        elif how == "end":
            process.stdin.close()
        else:
            kill_head(process)
            assert process.stdout.readline().strip() in (b"gcs_server", b"raylet", b"gcs_server and raylet")
            assert process.wait() == 1
        process.wait()
    deadline = monotonic() + 20
    while any(folder.iterdir()) and monotonic() < deadline:
        sleep(0.05)
    assert holders(folder) == []
    assert list(folder.iterdir()) == []
    folder.rmdir()


def test_its_ray_asks_for_a_token_and_shares_the_cores(ray_session: RaySession):
    @ray.remote
    def seen() -> dict[str, str | None]:
        return {name: os.environ.get(name) for name in ("RAY_AUTH_MODE", "OMP_NUM_THREADS")}

    assert ray.get(seen.remote()) == {"RAY_AUTH_MODE": "token", "OMP_NUM_THREADS": "1"}
    assert not (Path.home() / ".ray" / "auth_token").exists()


@pytest.mark.parametrize("address", ["127.0.0.1:1", "somewhere", "127.0.0.1:port"])
def test_an_address_without_a_cluster_is_a_wrong_setting(address: str):
    with pytest.raises(ConfigError, match=f"no Ray cluster to be used at {address}"):
        RaySession(num_cpus=1, address=address).start()
