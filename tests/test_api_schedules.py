"""The API on schedules."""

from pathlib import Path
from typing import Any

import pytest
from desk import Desk, keyed, open_desk
from small import small_config

from flywheel.core.access import Scope


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return open_desk(tmp_path / "store", small_config())


def create(desk: Desk, name: str = "nightly", **body: Any):
    values = {"name": name, "trigger": {"cron": "0 3 * * *"}} | body
    return desk.client(Scope.OPERATE).post("/v1/schedules", json=values)


def test_a_schedule_is_made_listed_and_deleted(desk: Desk) -> None:
    made = create(desk, overrides={"collect": {"episodes_per_task": 9}})
    assert (made.status_code, made.headers["Location"]) == (201, "/v1/schedules/nightly")
    assert made.json()["trigger"] == {"cron": "0 3 * * *", "new_episodes": None, "success_below": None}
    create(desk, "fresh", trigger={"new_episodes": 500})
    create(desk, "worse", trigger={"success_below": 0.9})
    client = desk.client(Scope.OPERATE)
    names = [one["name"] for one in client.get("/v1/schedules").json()["items"]]
    assert names == ["fresh", "nightly", "worse"]
    assert client.get("/v1/schedules/nightly").json() == made.json()
    assert client.delete("/v1/schedules/nightly").status_code == 204
    assert client.get("/v1/schedules/nightly").status_code == 404
    assert client.delete("/v1/schedules/nightly").status_code == 404
    assert create(desk).status_code == 201


def test_names_are_taken_once_and_a_repeated_request_is_answered(desk: Desk) -> None:
    body = {"name": "nightly", "trigger": {"cron": "0 3 * * *"}}
    client = desk.client()
    first = client.post("/v1/schedules", json=body, headers=keyed("a"))
    assert client.post("/v1/schedules", json=body, headers=keyed("a")).json() == first.json()
    assert client.post("/v1/schedules", json=body, headers=keyed("b")).status_code == 409


@pytest.mark.parametrize(
    ("trigger", "why"),
    [
        ({}, "one trigger"),
        ({"cron": "0 3 * * *", "new_episodes": 5}, "cron and new_episodes"),
        ({"cron": "61 3 * * *"}, "not a cron expression"),
        ({"cron": "0 3 * *"}, "5 fields"),
        ({"cron": "0 0 3 * * *"}, "5 fields"),
        ({"cron": "0 0 30 2 *"}, "not a cron expression"),
        ({"new_episodes": 0}, "greater than or equal to 1"),
        ({"success_below": 1.1}, "less than or equal to 1"),
        ({"crn": "0 3 * * *"}, "Extra inputs"),
    ],
)
def test_a_trigger_that_is_none_is_refused(desk: Desk, trigger: dict, why: str) -> None:
    answer = create(desk, trigger=trigger)
    assert answer.status_code == 422
    assert why in answer.json()["detail"]
    assert not desk.plane.chronicle.control().schedules


def test_names_and_overrides_that_do_not_fit_are_refused(desk: Desk) -> None:
    assert create(desk, "a/b").status_code == 422
    assert create(desk, "").status_code == 422
    assert create(desk, overrides={"mixture": {"tasks": {"gym/Pong": 1}}}).status_code == 422
    assert desk.client(Scope.READ).post("/v1/schedules", json={}).status_code == 403


def test_who_saw_another_schedule_of_the_name_deletes_nothing(desk: Desk) -> None:
    client = desk.client()
    create(desk)
    seen = {"If-Match": client.get("/v1/schedules/nightly").headers["ETag"]}
    client.delete("/v1/schedules/nightly")
    create(desk, trigger={"cron": "0 4 * * *"})
    assert client.delete("/v1/schedules/nightly", headers=seen).status_code == 412
    seen = {"If-Match": client.get("/v1/schedules/nightly").headers["ETag"]}
    assert client.delete("/v1/schedules/nightly", headers=seen).status_code == 204
