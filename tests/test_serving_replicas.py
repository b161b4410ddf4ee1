"""Several replicas are one endpoint: each is asked and proven, and what they count adds up."""

import http.client
import json
import os
import re
import signal
from collections.abc import Iterator, Mapping
from time import monotonic, sleep
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from faults import VICTIMS, descendants
from shelf import policy_files, save_policy

from flywheel import wiring
from flywheel.cluster.serving import ServeEndpoint
from flywheel.cluster.session import RaySession
from flywheel.core.errors import EndpointError
from flywheel.learning.codec import WEIGHTS

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")  # Ray uses what Ray deprecates.

REACH: dict[str, Any] = {"hand": [[0.5, -1.0], [2.0, 0.25]], "goal": [[1.0, 1.0], [0.0, -3.0]]}
DEADLINE_S = 120.0


@pytest.fixture(scope="module")
def endpoint(ray_session: RaySession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServeEndpoint]:
    store = str(tmp_path_factory.mktemp("store"))
    for seed in (1, 2):
        save_policy(store, f"p{seed}", policy_files(seed=seed))
    save_policy(store, "bad", {name: data for name, data in policy_files(seed=3).items() if name != WEIGHTS})
    endpoint = ServeEndpoint(policies="shelf:policies_of", store=store, port=0, num_replicas=2, meter=wiring.METER)
    yield endpoint
    endpoint.close()


def ask(
    endpoint: ServeEndpoint, path: str, body: Any = None, *, session: str | None = None
) -> tuple[int, Mapping[str, str], str]:
    """Status, headers and content."""
    connection = http.client.HTTPConnection(urlsplit(endpoint.address).netloc, timeout=30)
    headers = {"Content-Type": "application/json"} | ({} if session is None else {"X-Session-Id": session})
    method, content = ("GET", None) if body is None else ("POST", json.dumps(body))
    try:
        connection.request(method, f"/policy{path}", content, headers)
        response = connection.getresponse()
        return response.status, dict(response.headers), response.read().decode()
    finally:
        connection.close()


def act(endpoint: ServeEndpoint, *, session: str | None = None, **more: Any) -> tuple[int, dict[str, Any]]:
    named = {} if session is None else {"session": session}
    body = {"task": "suite/reach", "observations": REACH, **named, **more}
    status, _, content = ask(endpoint, "/v1/act", body, session=session)
    return status, json.loads(content)


def replica_of(endpoint: ServeEndpoint, session: str) -> dict[str, Any]:
    return json.loads(ask(endpoint, "/v1/version", session=session)[2])


def one_session_each(endpoint: ServeEndpoint) -> dict[str, str]:
    """Replica -> a session that it answers."""
    found: dict[str, str] = {}
    number = 0
    while len(found) < 2:
        found.setdefault(replica_of(endpoint, f"robot-{number}")["replica"], f"robot-{number}")
        number += 1
    return found


def counted(endpoint: ServeEndpoint, series: str) -> float:
    """0: there is no such series."""
    status, headers, text = ask(endpoint, "/metrics")
    assert (status, headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    found = re.search(rf"^{re.escape(series)} (\S+)$", text, re.MULTILINE)
    return 0.0 if found is None else float(found[1])


def wait_for(happened: Any, what: str) -> None:
    deadline = monotonic() + DEADLINE_S
    while not happened():
        assert monotonic() < deadline, f"{what} did not happen"
        sleep(0.05)


def processes() -> list[int]:
    return sorted(child for child, title in descendants(os.getpid()).items() if title.startswith(VICTIMS["replica"]))


def test_deploy_returns_when_each_replica_answers_with_the_version(endpoint: ServeEndpoint):
    for version in ("p1", "p2", "p1"):
        endpoint.deploy(version)
        assert len(processes()) == 2
        assert {replica_of(endpoint, one)["policy_version"] for one in one_session_each(endpoint).values()} == {version}
        arrays = {name: np.array(values, np.float32)[:, None] for name, values in REACH.items()}
        assert endpoint.act(arrays, "suite/reach")[1] == version


def test_a_version_that_does_not_load_leaves_all_with_the_old_one(endpoint: ServeEndpoint):
    endpoint.deploy("p1")
    with pytest.raises(EndpointError, match=r"bad was refused, p1 goes on"):
        endpoint.deploy("bad")
    assert {replica_of(endpoint, one)["policy_version"] for one in one_session_each(endpoint).values()} == {"p1"}


def test_a_session_keeps_its_replica_and_its_version_over_a_swap(endpoint: ServeEndpoint):
    endpoint.deploy("p1")
    sessions = one_session_each(endpoint)
    for session in sessions.values():
        assert act(endpoint, session=session)[1]["policy_version"] == "p1"
    endpoint.deploy("p2")
    for replica, session in sessions.items():
        assert replica_of(endpoint, session)["replica"] == replica
        assert act(endpoint, session=session)[1]["policy_version"] == "p1"
    assert act(endpoint)[1]["policy_version"] == "p2"
    assert counted(endpoint, 'flywheel_act_sessions{status="earlier"}') == 2


def test_a_session_that_the_proxy_does_not_see_is_refused(endpoint: ServeEndpoint):
    endpoint.deploy("p1")
    body = {"task": "suite/reach", "observations": REACH, "session": "robot-1"}
    status, _, content = ask(endpoint, "/v1/act", body)
    assert status == 422
    assert json.loads(content)["detail"].startswith("session: this endpoint has 2 replicas")


def test_what_the_replicas_count_adds_up_and_never_falls(endpoint: ServeEndpoint):
    endpoint.deploy("p1")
    sessions = one_session_each(endpoint)
    answered = 'flywheel_act_requests_total{outcome="ok"}'
    before = counted(endpoint, answered)
    for session in sessions.values():
        for _ in range(3):
            assert act(endpoint, session=session, age_s=0.25)[0] == 200
    assert counted(endpoint, answered) == before + 6
    assert counted(endpoint, 'flywheel_endpoint_policy_info{policy_version="p1"}') == 1
    assert counted(endpoint, 'flywheel_endpoint_policy_info{policy_version="p2"}') == 0
    assert counted(endpoint, 'flywheel_act_sessions{status="live"}') >= 2

    alive = processes()
    os.kill(alive[0], signal.SIGKILL)
    wait_for(lambda: len(processes()) == 2 and processes() != alive, "the replacement")
    endpoint.deploy("p2")
    assert counted(endpoint, answered) == before + 6
    for session in one_session_each(endpoint).values():
        assert act(endpoint, session=session)[1]["policy_version"] in ("p1", "p2")
    assert counted(endpoint, answered) == before + 8
    assert counted(endpoint, 'flywheel_endpoint_policy_info{policy_version="p1"}') == 0
    assert counted(endpoint, 'flywheel_endpoint_policy_info{policy_version="p2"}') == 1


def test_a_missed_deadline_is_a_problem_and_is_counted(endpoint: ServeEndpoint):
    endpoint.deploy("p1")
    status, answer = act(endpoint, deadline_s=1e-9)
    assert (status, answer["status"], answer["title"]) == (504, 504, "The deadline has passed")
    assert counted(endpoint, "flywheel_act_deadline_missed_total") == 1
    status, answer = act(endpoint, deadline_s=60.0)
    assert status == 200
    assert 0.0 < answer["valid_for_s"] < 60.0
