"""The API on what was live when, and on rolling back."""

from functools import partial
from pathlib import Path

import pytest
from desk import Desk, open_desk
from small import small_config
from turned import POLICIES, turned_desk  # noqa: F401 - a fixture

from flywheel.core.access import Scope
from flywheel.core.commands import policies

FIRST, SECOND, LIVE = POLICIES


@pytest.fixture
def by_the_hour(tmp_path: Path) -> Desk:
    """Versions a, b and c, live from 09, 10 and 11 o'clock on."""
    times = iter([*["2026-01-05T08:00:00.000Z"] * 4, *(f"2026-01-05T{hour:02d}:00:00.000Z" for hour in (9, 10, 11))])
    last = "2026-01-05T12:00:00.000Z"
    desk = open_desk(tmp_path / "store", small_config(), now=lambda: next(times, last))
    for name in "abc":
        desk.plane.chronicle.append(partial(policies.promote, policy_id=name, by="gate", reason="better", iteration=0))
    return desk


def test_what_was_live_then(by_the_hour: Desk) -> None:
    client = by_the_hour.client(Scope.READ)

    def live_at(time: str) -> list[str]:
        found = client.get("/v1/deployments", params={"at": time}).json()["items"]
        return [one["policy_id"] for one in found]

    assert live_at("2026-01-05T08:59:59.999Z") == []
    assert live_at("2026-01-05T09:00:00Z") == ["a"]
    assert live_at("2026-01-05T10:59:59Z") == ["b"]
    assert live_at("2026-01-05T12:30:00+01:00") == ["c"]
    assert client.get("/v1/deployments?at=yesterday").status_code == 422
    assert client.get("/v1/deployments?at=2026-01-05T09:00:00").status_code == 422


def test_the_history_is_listed_and_read(by_the_hour: Desk) -> None:
    client = by_the_hour.client(Scope.READ)
    found = client.get("/v1/deployments").json()["items"]
    assert [(one["number"], one["policy_id"], one["previous"]) for one in found] == [
        (2, "c", "b"),
        (1, "b", "a"),
        (0, "a", None),
    ]
    assert client.get("/v1/deployments/1").json() == found[1]
    assert [one["number"] for one in client.get("/v1/deployments?policy_id=b").json()["items"]] == [1]
    assert client.get("/v1/deployments/3").status_code == 404


def test_rolling_back_to_the_one_before_and_to_a_named_one(turned: Desk) -> None:
    client = turned.client(Scope.OPERATE)
    back = client.post("/v1/deployments:rollback", json={"reason": "drops cups"})
    assert (back.status_code, back.headers["Location"]) == (202, "/v1/deployments/3")
    assert (back.json()["policy_id"], back.json()["how"], back.json()["previous"]) == (
        SECOND,
        "policy.rolled_back",
        LIVE,
    )
    assert client.get(back.headers["Location"]).json() == back.json()
    again = client.post("/v1/deployments:rollback", json={"reason": "still"})
    assert again.json()["policy_id"] == FIRST
    named = client.post("/v1/deployments:rollback", json={"reason": "fixed", "policy_id": LIVE})
    assert named.json()["policy_id"] == LIVE
    assert turned.plane.chronicle.control().live == LIVE


def test_a_rollback_that_is_not_possible_is_refused(turned: Desk) -> None:
    client = turned.client()
    assert client.post("/v1/deployments:rollback", json={}).status_code == 422
    assert client.post("/v1/deployments:rollback", json={"reason": "r", "policy_id": "policy-0009"}).status_code == 409
    assert client.post("/v1/deployments:rollback", json={"reason": "r", "policy_id": LIVE}).status_code == 409
    reader = turned.client(Scope.READ)
    assert reader.post("/v1/deployments:rollback", json={"reason": "r"}).status_code == 403
    client.post(f"/v1/policies/{SECOND}:retire", json={"reason": "old"})
    assert client.post("/v1/deployments:rollback", json={"reason": "r"}).status_code == 409
    assert turned.plane.chronicle.control().live == LIVE


def test_before_the_first_there_is_nothing_to_go_back_to(tmp_path: Path) -> None:
    client = open_desk(tmp_path / "store", small_config()).client()
    answer = client.post("/v1/deployments:rollback", json={"reason": "r"})
    assert (answer.status_code, answer.json()["detail"]) == (409, "nothing was deployed yet")


def test_a_rollback_of_what_was_not_seen_is_refused(turned: Desk) -> None:
    client = turned.client()
    seen = {"If-Match": client.get("/v1/deployments/2").headers["ETag"]}
    assert client.post("/v1/deployments:rollback", json={"reason": "r"}, headers=seen).status_code == 202
    assert client.post("/v1/deployments:rollback", json={"reason": "r"}, headers=seen).status_code == 412
    assert turned.plane.chronicle.control().live == SECOND
