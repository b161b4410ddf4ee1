"""The policy endpoint's HTTP, without Ray."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from shelf import policies_of, policy_files, save_policy
from told import Clock, Told

from flywheel.cluster.meter import Ending
from flywheel.cluster.policy_api import Standing, create_app
from flywheel.cluster.policy_guard import Guard
from flywheel.cluster.policy_server import PolicyServer
from flywheel.core.access import Principal, Scope

BODY: dict[str, Any] = {"task": "suite/turn", "observations": {"hand": [[0.0, 0.0]], "angle": [[1.0]]}}
KNOWN = {
    "robot": Principal(name="token:robot", scopes=frozenset({Scope.ACT})),
    "reader": Principal(name="token:reader", scopes=frozenset({Scope.READ})),
}


class Endpoint:
    """The application, asked as a server would ask it; the clock goes on while a body is received."""

    def __init__(self, store: str, **settings: Any) -> None:
        self.clock, self.told = Clock(), Told()
        self.server = PolicyServer(policies=policies_of(store), meter=self.told, now=self.clock)
        self._app = create_app(
            server=self.server,
            meter=self.told,
            standing=lambda: Standing(policy_version="p1", attempt="a", refused=None, replica="r"),
            now=self.clock,
            **{"guard": Guard(identify=None), **settings},
        )

    def ask(
        self, path: str, body: Any = None, *, headers: dict[str, str] | None = None, receiving_s: float = 0.0
    ) -> tuple[int, str, bytes]:
        """Status, content type and content."""
        scope = {
            "type": "http",
            "method": "GET" if body is None else "POST",
            "path": path,
            "query_string": b"",
            "headers": [
                (name.lower().encode(), value.encode())
                for name, value in ({"Content-Type": "application/json"} | (headers or {})).items()
            ],
        }
        said: list[Any] = []

        async def receive() -> Any:
            self.clock.now += receiving_s
            return {"type": "http.request", "body": b"" if body is None else json.dumps(body).encode()}

        async def send(message: Any) -> None:
            said.append(message)

        asyncio.run(self._app(scope, receive, send))
        start, *parts = said
        kind = dict(start["headers"]).get(b"content-type", b"").decode()
        return start["status"], kind, b"".join(part["body"] for part in parts)

    def act(self, **more: Any) -> tuple[int, dict[str, Any]]:
        """Status, and the answer or problem."""
        headers, receiving_s = more.pop("headers", None), more.pop("receiving_s", 0.0)
        status, kind, content = self.ask("/v1/act", BODY | more, headers=headers, receiving_s=receiving_s)
        assert kind == ("application/json" if status == 200 else "application/problem+json")
        return status, json.loads(content)


@pytest.fixture
def store(tmp_path: Path) -> str:
    save_policy(str(tmp_path), "p1", policy_files(seed=1))
    return str(tmp_path)


@pytest.fixture
def endpoint(store: str) -> Endpoint:
    endpoint = Endpoint(store)
    endpoint.server.load("p1")
    endpoint.told.heard.clear()
    return endpoint


def test_time_counts_from_when_a_request_arrives_and_not_from_when_it_is_dealt_with(endpoint: Endpoint):
    status, answer = endpoint.act(deadline_s=0.5, age_s=1.0, receiving_s=0.2)
    assert (status, answer["policy_version"], answer["valid_for_s"]) == (200, "p1", pytest.approx(0.3))
    assert endpoint.told.heard == [("acted", (0.2, 1, 1.2))]


def test_an_action_after_its_deadline_is_a_problem_and_no_action(endpoint: Endpoint):
    status, problem = endpoint.act(deadline_s=0.1, receiving_s=0.2)
    assert (status, problem["status"], problem["title"]) == (504, 504, "The deadline has passed")
    assert problem["detail"].startswith("no action: 200.0 ms after its arrival")
    assert "actions" not in problem
    assert endpoint.told.heard == [("missed", 0.2)]


@pytest.mark.parametrize(
    ("more", "detail"),
    [
        ({"age_s": -1}, "age_s: Input should be greater than or equal to 0"),
        ({"deadline_s": float("nan")}, "deadline_s: Input should be a finite number"),
        ({"session": "x" * 129}, "session: String should have at most 128 characters"),
        ({"session": ["x"]}, "session: Input should be a valid string"),
    ],
)
def test_what_is_not_valid_is_refused_and_counted(endpoint: Endpoint, more: dict[str, Any], detail: str):
    status, problem = endpoint.act(**more)
    assert (status, problem["detail"]) == (422, detail)
    assert endpoint.told.heard == [("turned away", Ending.UNFIT)]


def test_without_a_version_it_is_not_ready(store: str):
    idle = Endpoint(store)
    assert idle.act()[0] == 503
    assert idle.told.heard == [("turned away", Ending.UNREADY)]


def test_who_may_not_act_is_refused_and_counted(store: str):
    closed = Endpoint(store, guard=Guard(identify=KNOWN.get))
    closed.server.load("p1")
    closed.told.heard.clear()
    assert closed.act()[0] == 401
    assert closed.act(headers={"Authorization": "Bearer reader"})[0] == 403
    assert closed.told.heard == [("turned away", Ending.REFUSED)] * 2
    assert closed.act(headers={"Authorization": "Bearer robot"})[0] == 200


def test_metrics_are_text_and_open_unless_they_are_not(store: str):
    assert Endpoint(store, guard=Guard(identify=KNOWN.get)).ask("/metrics") == (
        200,
        "text/plain; version=0.0.4; charset=utf-8",
        b"flywheel_told 1\n",
    )
    closed = Endpoint(store, guard=Guard(identify=KNOWN.get, open_metrics=False))
    assert closed.ask("/metrics")[0] == 401
    assert closed.ask("/metrics", headers={"Authorization": "Bearer reader"})[0] == 200


def test_several_replicas_want_the_session_where_the_proxy_sees_it(store: str):
    several = Endpoint(store, num_replicas=2)
    several.server.load("p1")
    status, problem = several.act(session="robot-1")
    assert status == 422
    assert problem["detail"].endswith("by the header X-Session-Id, which must be robot-1 too")
    assert several.told.heard[-1] == ("turned away", Ending.UNFIT)
    assert several.act(session="robot-1", headers={"X-Session-Id": "robot-2"})[0] == 422
    assert several.act(session="robot-1", headers={"X-Session-Id": "robot-1"})[0] == 200
    assert several.act()[0] == 200


def test_it_says_what_it_serves(endpoint: Endpoint):
    assert json.loads(endpoint.ask("/v1/version")[2]) == {
        "policy_version": "p1",
        "attempt": "a",
        "refused": None,
        "replica": "r",
    }
    assert endpoint.ask("/healthz")[0] == 200
    assert endpoint.ask("/docs")[:2] == (404, "application/problem+json")
