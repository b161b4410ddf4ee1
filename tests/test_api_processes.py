"""Several processes of the API over one store: real servers, and nothing between them but the store."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest
from desk import Desk, open_desk
from small import small_config

from flywheel.core.access import Scope

TESTS = Path(__file__).parent
REQUESTS = 50


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return open_desk(tmp_path / "store", small_config())


@pytest.fixture
def servers(desk: Desk, tmp_path: Path) -> Iterator[list[str]]:
    """Addresses of two."""
    running = []
    try:
        for number in range(2):
            with (tmp_path / f"server-{number}.log").open("w") as log:
                running.append(
                    subprocess.Popen(
                        [sys.executable, str(TESTS / "api_process.py"), desk.plane.store],
                        cwd=TESTS.parent,
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        stderr=log,
                        text=True,
                    )
                )
        yield [f"http://127.0.0.1:{int(server.stdout.readline())}" for server in running]
    finally:
        for server in running:
            server.communicate()


@pytest.mark.timeout(300)
def test_fifty_requests_with_one_key_to_two_processes_make_one_iteration(
    desk: Desk, servers: list[str], tmp_path: Path
) -> None:
    headers = {"Authorization": f"Bearer {desk.secrets[Scope.OPERATE]}", "Idempotency-Key": "one"}

    def ask(number: int) -> httpx2.Response:
        body = {"overrides": {"train": {"num_updates": 7}}}
        return httpx2.post(f"{servers[number % 2]}/v1/iterations", json=body, headers=headers, timeout=120)

    with ThreadPoolExecutor(max_workers=REQUESTS) as pool:
        answers = list(pool.map(ask, range(REQUESTS)))
    assert [answer.status_code for answer in answers] == [202] * REQUESTS
    assert len({answer.text for answer in answers}) == 1
    assert {answer.headers["Location"] for answer in answers} == {"/v1/iterations/0"}
    control = desk.plane.chronicle.control()
    assert [entry.action for entry in control.entries if entry.by == "token:operate"] == ["iteration.requested"]
    # What one process was asked for, the other knows at once.
    for server in servers:
        listed = httpx2.get(f"{server}/v1/iterations", headers=headers, timeout=60).json()["items"]
        assert [one["number"] for one in listed] == [0]
    logs = "".join(path.read_text() for path in tmp_path.glob("server-*.log"))
    assert "/v1/iterations" in logs
    assert not any(secret in logs for secret in desk.secrets.values())
