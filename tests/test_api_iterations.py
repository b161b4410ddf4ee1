"""The API on iterations, over a store in a folder."""

import json
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest
from desk import Desk, keyed, open_desk
from fastapi.testclient import TestClient
from small import small_config

from flywheel.core.access import Scope
from flywheel.core.commands import iterations
from flywheel.core.control import IterationState
from flywheel.journal import Progress
from flywheel.store.chronicle import RecordedChronicle


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return open_desk(tmp_path / "store", small_config())


def test_an_iteration_is_queued_and_has_a_place(desk: Desk) -> None:
    answer = desk.client(Scope.OPERATE).post(
        "/v1/iterations", json={"overrides": {"train": {"num_updates": 7}}, "reason": "why not"}, headers=keyed("a")
    )
    assert answer.status_code == 202
    assert answer.headers["Location"] == "/v1/iterations/0"
    assert answer.json()["state"] == "queued"
    assert answer.json()["overrides"]["train"]["num_updates"] == 7
    assert desk.watch.nudges == 1
    found = desk.client(Scope.READ).get("/v1/iterations/0").json()
    assert found["requested_by"] == "token:operate"


def test_a_request_that_is_repeated_is_answered_and_not_done_again(desk: Desk) -> None:
    client = desk.client()
    first = client.post("/v1/iterations", json={}, headers=keyed("a"))
    desk.plane.chronicle.append(lambda control: iterations.start(control, 0, by="supervisor", owner="process 1"))
    second = client.post("/v1/iterations", json={}, headers=keyed("a"))
    assert (second.status_code, second.json()) == (202, first.json())
    assert len(desk.plane.chronicle.control().iterations) == 1
    other = client.post("/v1/iterations", json={"reason": "another"}, headers=keyed("a"))
    assert other.status_code == 422
    assert "use a new key" in other.json()["detail"]
    assert client.post("/v1/iterations", json={}).status_code == 400


def test_the_key_of_one_principal_is_not_the_key_of_another(desk: Desk) -> None:
    desk.client(Scope.ADMIN).post("/v1/iterations", json={}, headers=keyed("a"))
    desk.client(Scope.OPERATE).post("/v1/iterations", json={}, headers=keyed("a"))
    assert len(desk.plane.chronicle.control().iterations) == 2


def test_many_at_once_with_one_key_make_one(desk: Desk) -> None:
    locations: list[str] = []

    def ask(client: TestClient) -> None:
        answer = client.post("/v1/iterations", json={}, headers=keyed("a"))
        locations.append(answer.headers["Location"])

    # Each thread has an application, and so a view of the history, of its own. They are made, and asked once, here:
    # while FastAPI makes one, which ends with the first request, it filters warnings of the whole process.
    clients = [_again(desk).client() for _ in range(16)]
    assert {client.get("/healthz").status_code for client in clients} == {200}
    threads = [Thread(target=ask, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert locations == ["/v1/iterations/0"] * 16
    assert len(desk.plane.chronicle.control().iterations) == 1


def _again(desk: Desk) -> Desk:
    chronicle = RecordedChronicle(records=desk.plane.records)
    return replace(desk, plane=replace(desk.plane, chronicle=chronicle))


def test_what_does_not_fit_is_refused_before_anything_starts(desk: Desk) -> None:
    client = desk.client()
    unknown = client.post("/v1/iterations", json={"overrides": {"trian": {}}}, headers=keyed("a"))
    assert unknown.status_code == 422
    assert unknown.headers["Content-Type"] == "application/problem+json"
    assert unknown.json()["errors"][0]["where"] == "overrides.trian"
    foreign = client.post(
        "/v1/iterations", json={"overrides": {"mixture": {"tasks": {"gym/Pong": 2}}}}, headers=keyed("b")
    )
    assert foreign.status_code == 422
    assert "gym/Pong is no task of the suites" in foreign.json()["detail"]
    assert not desk.plane.chronicle.control().iterations


def test_a_dry_run_says_what_would_be_done(desk: Desk) -> None:
    answer = desk.client().post(
        "/v1/iterations?dry_run=true", json={"overrides": {"collect": {"episodes_per_task": 9}}}, headers=keyed("a")
    )
    assert answer.status_code == 200
    assert answer.json()["number"] == 0
    assert answer.json()["settings"]["collect"]["episodes_per_task"] == 9
    assert not desk.plane.chronicle.control().iterations


def test_scopes(desk: Desk) -> None:
    assert desk.client(None).get("/v1/iterations").status_code == 401
    assert desk.client(None).get("/v1/iterations").headers["WWW-Authenticate"] == "Bearer"
    assert desk.client(Scope.ACT).get("/v1/iterations").status_code == 403
    assert desk.client(Scope.READ).post("/v1/iterations", json={}, headers=keyed("a")).status_code == 403
    assert desk.client(Scope.OPERATE).get("/v1/iterations").status_code == 200


def test_cancelling(desk: Desk) -> None:
    client = desk.client()
    for key in "abc":
        client.post("/v1/iterations", json={}, headers=keyed(key))
    queued = client.post("/v1/iterations/1:cancel", json={"reason": "a mistake"})
    assert (queued.status_code, queued.json()["state"], queued.json()["reason"]) == (202, "cancelled", "a mistake")
    assert client.post("/v1/iterations/1:cancel", json={}).status_code == 409
    desk.plane.chronicle.append(lambda control: iterations.start(control, 0, by="supervisor", owner="process 1"))
    running = client.post("/v1/iterations/0:cancel", json={})
    assert (running.json()["state"], running.json()["cancel_requested_by"]) == ("running", "token:admin")
    assert client.post("/v1/iterations/9:cancel", json={}).status_code == 404
    retried = client.post("/v1/iterations/1:retry", headers=keyed("d"))
    assert (retried.json()["number"], retried.json()["retry_of"]) == (3, 1)


def test_lists_come_in_pages_and_do_not_shift(desk: Desk) -> None:
    client = desk.client()
    for key in "abcde":
        client.post("/v1/iterations", json={}, headers=keyed(key))
    first = client.get("/v1/iterations?page_size=2").json()
    client.post("/v1/iterations", json={}, headers=keyed("f"))
    second = client.get(f"/v1/iterations?page_size=2&page_token={first['next_page_token']}").json()
    third = client.get(f"/v1/iterations?page_size=2&page_token={second['next_page_token']}").json()
    pages = [first, second, third]
    assert [item["number"] for page in pages for item in page["items"]] == [4, 3, 2, 1, 0]
    assert third["next_page_token"] is None
    assert client.get("/v1/iterations?page_token=nonsense").status_code == 400


def test_who_has_it_already_gets_no_body(desk: Desk) -> None:
    client = desk.client()
    client.post("/v1/iterations", json={}, headers=keyed("a"))
    first = client.get("/v1/iterations/0")
    again = client.get("/v1/iterations/0", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    client.post("/v1/iterations/0:cancel", json={})
    changed = client.get("/v1/iterations/0", headers={"If-None-Match": first.headers["ETag"]})
    assert changed.status_code == 200


def test_events_of_a_finished_iteration_come_once_and_go_on_where_one_stopped(desk: Desk) -> None:
    client = desk.client()
    client.post("/v1/iterations", json={}, headers=keyed("a"))
    desk.watch.seen = Progress(iteration=0, stage="train", done=3, total=9)
    for decide in (
        lambda control: iterations.start(control, 0, by="supervisor", owner="process 1"),
        lambda control: iterations.complete_stage(control, 0, "plan", by="supervisor", summary={}),
        lambda control: iterations.finish(
            control, 0, state=IterationState.FAILED, by="supervisor", reason="out of memory"
        ),
    ):
        desk.plane.chronicle.append(decide)
    events = _events(client.get("/v1/iterations/0/events").text)
    assert [event["data"]["action"] for event in events] == [
        "iteration.requested",
        "iteration.started",
        "iteration.stage_completed",
        "iteration.finished",
    ]
    rest = _events(client.get("/v1/iterations/0/events", headers={"Last-Event-ID": events[1]["id"]}).text)
    assert [event["id"] for event in rest] == [event["id"] for event in events[2:]]
    assert client.get("/v1/iterations/7/events").status_code == 404


def test_too_many_requests_are_told_when_to_come_again(tmp_path: Path) -> None:
    desk = open_desk(tmp_path / "store", small_config(), requests_per_minute=3)
    client = desk.client()
    answers = [client.get("/v1/iterations") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert 1 <= int(answers[3].headers["Retry-After"]) <= 60


def test_the_audit_names_who_and_what(desk: Desk) -> None:
    client = desk.client()
    client.post("/v1/iterations", json={"reason": "new gripper"}, headers=keyed("a"))
    client.post("/v1/iterations/0:cancel", json={"reason": "the old one"})
    entries = client.get("/v1/audit?subject=iterations/0").json()["items"]
    assert [(one["by"], one["action"], one["reason"], one["before"], one["after"]) for one in entries] == [
        ("token:admin", "iteration.finished", "the old one", "queued", "cancelled"),
        ("token:admin", "iteration.requested", "new gripper", None, "queued"),
    ]
    everything = client.get("/v1/audit").text
    assert not any(secret in everything for secret in desk.secrets.values())


def _events(text: str) -> list[dict]:
    blocks = [block for block in text.strip().split("\n\n") if block]
    parsed = [dict(line.split(": ", 1) for line in block.splitlines() if ": " in line) for block in blocks]
    return [{**event, "data": json.loads(event["data"])} for event in parsed if "data" in event]
