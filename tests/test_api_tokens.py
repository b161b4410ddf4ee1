"""The API on tokens, and that their secrets are nowhere."""

import logging
from pathlib import Path
from typing import Any

import pytest
from desk import Desk, open_desk
from small import small_config
from stored import tree

from flywheel.core.access import Scope


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return open_desk(tmp_path / "store", small_config())


def create(desk: Desk, name: str = "alice", **body: Any):
    return desk.client().post("/v1/tokens", json={"name": name, "scopes": ["operate"]} | body)


def test_a_token_is_made_and_used_and_revoked(desk: Desk) -> None:
    made = create(desk)
    assert (made.status_code, made.headers["Location"]) == (201, "/v1/tokens/alice")
    assert made.headers["Cache-Control"] == "no-store"
    bearer = {"Authorization": f"Bearer {made.json()['secret']}"}
    stranger = desk.client(None)
    who = stranger.get("/v1/whoami", headers=bearer)
    assert who.json() == {"name": "token:alice", "scopes": ["read", "operate"]}
    revoked = desk.client().post("/v1/tokens/alice:revoke")
    assert (revoked.json()["is_valid"], revoked.json()["revoked_at"] is None) == (False, False)
    assert stranger.get("/v1/whoami", headers=bearer).status_code == 401
    assert desk.client().post("/v1/tokens/alice:revoke").status_code == 409
    assert create(desk).status_code == 409


def test_a_token_ends_when_it_says(tmp_path: Path) -> None:
    time = ["2026-01-05T09:00:00.000Z"]
    desk = open_desk(tmp_path / "store", small_config(), now=lambda: time[0])
    made = create(desk, expires_at="2026-01-05T11:00:00+01:00").json()
    assert made["expires_at"] == "2026-01-05T10:00:00Z"
    bearer = {"Authorization": f"Bearer {made['secret']}"}
    assert desk.client(None).get("/v1/whoami", headers=bearer).status_code == 200
    time[0] = "2026-01-05T10:00:00.000Z"
    assert desk.client(None).get("/v1/whoami", headers=bearer).status_code == 401
    assert desk.client().get("/v1/tokens/alice").json()["is_valid"] is False


def test_only_administrators_see_and_make_tokens(desk: Desk) -> None:
    create(desk)
    for scope in (Scope.READ, Scope.OPERATE, Scope.ACT):
        client = desk.client(scope)
        assert client.get("/v1/tokens").status_code == 403
        assert client.get("/v1/tokens/alice").status_code == 403
        assert client.post("/v1/tokens", json={"name": "b", "scopes": ["admin"]}).status_code == 403
        assert client.post("/v1/tokens/alice:revoke").status_code == 403
    names = [one["name"] for one in desk.client().get("/v1/tokens").json()["items"]]
    assert names == ["act", "admin", "alice", "operate", "read"]


def test_what_does_not_make_a_token_is_refused(desk: Desk) -> None:
    assert create(desk, scopes=[]).status_code == 422
    assert create(desk, scopes=["root"]).status_code == 422
    assert create(desk, expires_at="2027-01-01T00:00:00").status_code == 422
    assert create(desk, "a b").status_code == 422
    assert desk.client().post("/v1/tokens/nobody:revoke").status_code == 404
    assert desk.client().get("/v1/tokens/nobody").status_code == 404


def test_who_saw_another_state_of_a_token_does_not_revoke_it(desk: Desk) -> None:
    create(desk)
    client = desk.client()
    assert client.post("/v1/tokens/alice:revoke", headers={"If-Match": '"another"'}).status_code == 412
    seen = {"If-Match": client.get("/v1/tokens/alice").headers["ETag"]}
    assert client.post("/v1/tokens/alice:revoke", headers=seen).status_code == 200


def test_a_secret_is_in_one_answer_and_nowhere_else(
    desk: Desk, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        made = create(desk).json()
        secrets = [made["secret"], *desk.secrets.values()]
        client = desk.client(raising=False)
        paths = [path for path, methods in client.get("/v1/openapi.json").json()["paths"].items() if "get" in methods]
        answers = [
            client.get(path.format(name="alice", number=1, policy_id="p", episode_id="e", suite="s")) for path in paths
        ]
        answers += [
            client.get(path, headers={"Authorization": f"Bearer {secret}!"}) for path in paths for secret in secrets[:1]
        ]
        answers.append(client.post("/v1/tokens", json={"name": made["secret"], "scopes": 3}))
        answers.append(create(desk))
    for secret in secrets:
        assert not any(secret in answer.text for answer in answers[:-2])
        assert secret not in caplog.text
        assert not any(secret.encode() in data for data in tree(tmp_path / "store").values())
