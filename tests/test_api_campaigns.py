"""The API on campaigns."""

from functools import partial
from pathlib import Path

import pytest
from desk import Desk, keyed, open_desk
from small import small_config

from flywheel.core.access import Scope
from flywheel.core.commands import iterations


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return open_desk(tmp_path / "store", small_config())


def ask(desk: Desk, key: str = "a", **goal: float):
    body = {"goal": goal, "overrides": {"collect": {"episodes_per_task": 9}}}
    return desk.client(Scope.OPERATE).post("/v1/campaigns", json=body, headers=keyed(key))


def iterate(desk: Desk, campaign: int) -> None:
    request = partial(
        iterations.request, by=f"campaign:{campaign}", overrides={}, max_queued=9, campaign=campaign, occasion=None
    )
    desk.plane.chronicle.append(request)


def test_a_campaign_is_asked_for_and_has_a_place(desk: Desk) -> None:
    answer = ask(desk, until=0.95, max_hours=2.5)
    assert (answer.status_code, answer.headers["Location"]) == (202, "/v1/campaigns/1")
    assert (answer.json()["state"], answer.json()["goal"]["until"]) == ("active", 0.95)
    assert answer.json()["overrides"]["collect"]["episodes_per_task"] == 9
    assert desk.plane.chronicle.control().campaigns[1].goal.max_hours == 2.5
    assert desk.watch.nudges == 1
    assert ask(desk, until=0.95, max_hours=2.5).json() == answer.json()
    assert ask(desk, "b", until=0.5).status_code == 409


@pytest.mark.parametrize(
    "goal",
    [
        {},
        {"until": None},
        {"until": 1.5},
        {"until": 0},
        {"plateau": 0},
        {"max_hours": -1},
        {"max_iterations": 1.5},
        {"untl": 0.9},
    ],
)
def test_a_goal_that_is_none_is_refused(desk: Desk, goal: dict) -> None:
    answer = desk.client().post("/v1/campaigns", json={"goal": goal}, headers=keyed("a"))
    assert answer.status_code == 422
    assert not desk.plane.chronicle.control().campaigns


def test_overrides_that_do_not_fit_are_refused(desk: Desk) -> None:
    body = {"goal": {"until": 0.9}, "overrides": {"mixture": {"tasks": {"gym/Pong": 1}}}}
    answer = desk.client().post("/v1/campaigns", json=body, headers=keyed("a"))
    assert (answer.status_code, "gym/Pong" in answer.json()["detail"]) == (422, True)


def test_a_dry_run_says_what_would_be_done(desk: Desk) -> None:
    body = {"goal": {"plateau": 2}, "overrides": {"collect": {"episodes_per_task": 9}}}
    answer = desk.client().post("/v1/campaigns?dry_run=true", json=body, headers=keyed("a"))
    assert (answer.status_code, answer.json()["number"]) == (200, 1)
    assert answer.json()["settings"]["collect"]["episodes_per_task"] == 9
    assert not desk.plane.chronicle.control().campaigns


def test_a_campaign_is_shown_with_its_iterations(desk: Desk) -> None:
    ask(desk, max_iterations=3)
    iterate(desk, 1)
    iterate(desk, 1)
    client = desk.client(Scope.READ)
    found = client.get("/v1/campaigns/1").json()
    assert [(one["number"], one["state"]) for one in found["iterations"]] == [(0, "queued"), (1, "queued")]
    (listed,) = client.get("/v1/campaigns?state=active").json()["items"]
    assert (listed["number"], listed["num_iterations"]) == (1, 2)
    assert client.get("/v1/campaigns?state=paused").json()["items"] == []
    assert client.get("/v1/campaigns/7").status_code == 404


def test_pausing_resuming_and_cancelling(desk: Desk) -> None:
    ask(desk, max_iterations=3)
    iterate(desk, 1)
    iterate(desk, 1)
    desk.plane.chronicle.append(partial(iterations.start, number=0, by="supervisor", owner="process 1"))
    client = desk.client(Scope.OPERATE)
    assert client.post("/v1/campaigns/1:resume", json={}).status_code == 409
    assert client.post("/v1/campaigns/1:pause", json={"reason": "lunch"}).json()["state"] == "paused"
    assert client.post("/v1/campaigns/1:resume", json={}).json()["state"] == "active"
    ended = client.post("/v1/campaigns/1:cancel", json={"reason": "enough"}).json()
    assert (ended["state"], ended["reason"]) == ("cancelled", "enough")
    control = desk.plane.chronicle.control()
    assert control.iterations[0].cancel_requested_by == "token:operate"
    assert control.iterations[1].state == "cancelled"
    for verb in ("pause", "resume", "cancel"):
        assert client.post(f"/v1/campaigns/1:{verb}", json={}).status_code == 409
        assert client.post(f"/v1/campaigns/2:{verb}", json={}).status_code == 404
        assert desk.client(Scope.READ).post(f"/v1/campaigns/1:{verb}", json={}).status_code == 403
    assert ask(desk, "b", until=0.5).headers["Location"] == "/v1/campaigns/2"
