import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
import pytest
from faults import VICTIMS, descendants
from shelf import policy_files, save_policy

from flywheel.cluster.serve_instance import check_free
from flywheel.cluster.serving import ServeEndpoint
from flywheel.cluster.session import RaySession
from flywheel.core.episode import Floats
from flywheel.core.errors import ConfigError, EndpointError
from flywheel.learning.codec import WEIGHTS, load_actor

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")  # Ray uses what Ray deprecates.

REACH: dict[str, Floats] = {
    "hand": np.array([[[0.5, -1.0]], [[2.0, 0.25]]], np.float32),
    "goal": np.array([[[1.0, 1.0]], [[0.0, -3.0]]], np.float32),
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two good versions and one without weights."""
    store = str(tmp_path_factory.mktemp("store"))
    for seed in (1, 2):
        save_policy(store, f"p{seed}", policy_files(seed=seed))
    save_policy(store, "bad", {name: data for name, data in policy_files(seed=3).items() if name != WEIGHTS})
    return store


@pytest.fixture(scope="module")
def endpoint(ray_session: RaySession, store: str) -> Iterator[ServeEndpoint]:
    endpoint = ServeEndpoint(policies="shelf:policies_of", store=store, port=0)
    yield endpoint
    endpoint.close()


def acted_here(seed: int) -> Floats:
    actor = load_actor(policy_files(seed=seed), origin="here")
    return actor.act(actor.batch(REACH, "suite/reach"), ["suite/reach"] * 2)


def ask(endpoint: ServeEndpoint, path: str, body: Any = None) -> tuple[int, str, Any]:
    """Status, content type and answer."""
    data = None if body is None else json.dumps(body).encode()
    request = Request(endpoint.address + path, data, {"Content-Type": "application/json"})
    try:
        with urlopen(request, timeout=30) as response:
            return response.status, response.headers["Content-Type"], json.load(response)
    except HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.headers["Content-Type"], json.load(refusal)


def test_each_version_answers_exactly_as_it_does_here(endpoint: ServeEndpoint):
    for seed in (1, 2):
        endpoint.deploy(f"p{seed}")
        actions, version = endpoint.act(REACH, "suite/reach")
        assert version == f"p{seed}"
        np.testing.assert_array_equal(actions, acted_here(seed))


def test_a_bad_version_is_refused_and_the_old_one_goes_on(endpoint: ServeEndpoint):
    endpoint.deploy("p1")
    with pytest.raises(EndpointError, match=r"bad was refused, p1 goes on: .*weights\.safetensors is missing"):
        endpoint.deploy("bad")
    actions, version = endpoint.act(REACH, "suite/reach")
    assert version == "p1"
    np.testing.assert_array_equal(actions, acted_here(1))
    endpoint.deploy("p2")
    assert endpoint.act(REACH, "suite/reach")[1] == "p2"


def test_two_threads_that_deploy_at_once_take_turns(endpoint: ServeEndpoint):
    def deployed(policy_id: str) -> str:
        with endpoint.reserved():
            endpoint.deploy(policy_id)
            return endpoint.act(REACH, "suite/reach")[1]

    asked = ["p1", "p2"] * 3
    with ThreadPoolExecutor(max_workers=2) as threads:
        assert list(threads.map(deployed, asked)) == asked


def test_what_it_serves_can_be_asked(endpoint: ServeEndpoint):
    endpoint.deploy("p2")
    assert ask(endpoint, "/policy/healthz")[2] == {"status": "ok"}
    status, _, answer = ask(endpoint, "/policy/v1/version")
    assert (status, answer["policy_version"], answer["refused"]) == (200, "p2", None)


@pytest.mark.parametrize(
    ("path", "body", "status", "detail"),
    [
        (
            "/policy/v1/act",
            {"task": "suite/reach", "observations": {"hand": [[0, 0]]}},
            422,
            "observations.goal: missing",
        ),
        ("/policy/v1/act", {"task": "suite/reach"}, 422, "observations: Field required"),
        ("/policy/v1/act", {"task": "suite/reach", "observations": {}, "x": 1}, 422, "x: Extra inputs"),
        ("/policy/v1/act", None, 405, "GET /policy/v1/act"),
        ("/policy/v2/act", None, 404, "GET /policy/v2/act"),
    ],
)
def test_a_refused_request_is_a_problem_that_says_why(
    endpoint: ServeEndpoint, path: str, body: Any, status: int, detail: str
):
    endpoint.deploy("p1")
    code, kind, problem = ask(endpoint, path, body)
    assert (code, kind, problem["status"]) == (status, "application/problem+json", status)
    assert problem["detail"].startswith(detail)


def test_a_refusal_reaches_the_caller_of_the_port(endpoint: ServeEndpoint, tmp_path: Path):
    endpoint.deploy("p1")
    with pytest.raises(EndpointError, match="422: observations.hand: missing"):
        endpoint.act({"goal": REACH["goal"]}, "suite/reach")


def test_a_process_that_dies_is_replaced_and_what_it_did_not_answer_is_asked_again(endpoint: ServeEndpoint):
    endpoint.deploy("p2")
    (replica,) = [child for child, title in descendants(os.getpid()).items() if title.startswith(VICTIMS["replica"])]
    os.kill(replica, signal.SIGKILL)
    actions, version = endpoint.act(REACH, "suite/reach")
    assert version == "p2"
    np.testing.assert_array_equal(actions, acted_here(2))


def test_whoever_comes_after_takes_over_what_serves_already(endpoint: ServeEndpoint, store: str):
    endpoint.deploy("p1")
    heir = ServeEndpoint(policies="shelf:policies_of", store=store, port=0)
    heir.start()
    assert heir.address == endpoint.address
    assert heir.act(REACH, "suite/reach")[1] == "p1"
    heir.deploy("p2")
    assert endpoint.act(REACH, "suite/reach")[1] == "p2"


def test_a_run_that_would_end_another_stores_endpoint_is_refused(endpoint: ServeEndpoint, store: str):
    endpoint.start()
    check_free(store)
    with pytest.raises(ConfigError, match="Ray Serve runs flywheel there, which an endpoint for other would end"):
        check_free("other")


def test_a_free_port_is_none_that_an_outgoing_connection_may_take():
    ports = {ServeEndpoint(policies="shelf:policies_of", store="", port=0).address.rpartition(":")[2] for _ in range(9)}
    assert all(20_000 <= int(port) < 32_000 for port in ports)


def test_an_endpoint_that_is_not_there_says_so():
    with pytest.raises(EndpointError, match="does not answer"):
        ServeEndpoint(policies="shelf:policies_of", store="", port=0).act(REACH, "suite/reach")
