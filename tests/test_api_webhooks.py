"""The API on webhooks and on how their deliveries went."""

from pathlib import Path
from typing import Any

import pytest
from desk import Desk, open_desk
from small import small_config

from flywheel.core.access import Scope
from flywheel.core.delivery import Delivery, DeliveryState, delivery_key


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return open_desk(tmp_path / "store", small_config())


def create(desk: Desk, name: str = "chat", **body: Any):
    values = {"name": name, "url": "https://ops.example.com/hook", "actions": ["policy.promoted"]} | body
    return desk.client().post("/v1/webhooks", json=values)


def test_a_webhook_is_made_listed_and_deleted(desk: Desk) -> None:
    made = create(desk, actions=["policy.promoted", "iteration.finished", "policy.promoted"])
    assert (made.status_code, made.headers["Location"]) == (201, "/v1/webhooks/chat")
    assert made.json()["actions"] == ["iteration.finished", "policy.promoted"]
    client = desk.client()
    assert made.json()["signing_secret"] == desk.plane.signing_secret("chat")
    shown = {name: value for name, value in made.json().items() if name != "signing_secret"}
    assert client.get("/v1/webhooks/chat").json() == shown
    assert [one["name"] for one in client.get("/v1/webhooks").json()["items"]] == ["chat"]
    assert create(desk).status_code == 409
    assert client.delete("/v1/webhooks/chat", headers={"If-Match": '"another"'}).status_code == 412
    assert client.delete("/v1/webhooks/chat").status_code == 204
    for answer in (client.get("/v1/webhooks/chat"), client.delete("/v1/webhooks/chat")):
        assert answer.status_code == 404


def test_an_address_may_hold_a_key_and_is_not_in_the_audit(desk: Desk) -> None:
    create(desk, url="https://chat.example.com/T0/B0/kept-secret")
    audit = desk.client(Scope.READ).get("/v1/audit")
    assert audit.json()["items"][0]["details"] == {"actions": ["policy.promoted"]}
    assert "kept-secret" not in audit.text


@pytest.mark.parametrize(
    "body",
    [
        {"url": "ftp://ops.example.com"},
        {"url": "/hook"},
        {"url": "https://user:secret@ops.example.com/hook"},
        {"url": "https://" + "x" * 3000},
        {"actions": []},
        {"actions": ["token.created"]},
        {"actions": ["policy.improved"]},
        {"secret": "mine"},
    ],
)
def test_what_does_not_make_a_webhook_is_refused(desk: Desk, body: dict) -> None:
    assert create(desk, **body).status_code == 422
    assert not desk.plane.chronicle.control().webhooks


def test_only_administrators_see_and_make_webhooks(desk: Desk) -> None:
    create(desk)
    client = desk.client(Scope.OPERATE)
    for path in ("/v1/webhooks", "/v1/webhooks/chat", "/v1/webhooks/chat/deliveries"):
        assert client.get(path).status_code == 403
    assert client.post("/v1/webhooks", json={}).status_code == 403
    assert client.delete("/v1/webhooks/chat").status_code == 403


def deliver(desk: Desk, entry: int, **changes: Any) -> None:
    values: dict[str, Any] = {
        "webhook": "chat",
        "entry": entry,
        "state": DeliveryState.DELIVERED,
        "attempts": 1,
        "status": 204,
        "problem": "",
        "at": "2026-01-05T09:30:00.000Z",
    }
    made = Delivery(**(values | changes))
    desk.plane.records.write(delivery_key("chat", entry), made.plain)


def test_deliveries_are_shown_and_those_of_an_earlier_webhook_of_the_name_are_not(desk: Desk) -> None:
    client = desk.client()
    create(desk)
    deliver(desk, 5)
    client.delete("/v1/webhooks/chat")
    since = create(desk).json()["since"]
    assert since > 5
    deliver(desk, since + 1)
    deliver(desk, since + 2, state=DeliveryState.GIVEN_UP, attempts=8, status=None, problem="nobody answers")
    first = client.get("/v1/webhooks/chat/deliveries?page_size=1").json()
    (failed,) = first["items"]
    assert (failed["state"], failed["attempts"], failed["problem"]) == ("given_up", 8, "nobody answers")
    second = client.get(f"/v1/webhooks/chat/deliveries?page_token={first['next_page_token']}").json()
    assert [one["entry"] for one in second["items"]] == [since + 1]
    assert client.get("/v1/webhooks/mail/deliveries").status_code == 404
