"""The API on policy versions, over a finished run."""

from pathlib import Path

from desk import Desk
from stored import flip
from turned import POLICIES, turned_desk  # noqa: F401 - a fixture

from flywheel.core.access import Scope
from flywheel.core.iteration import Stage, record_key

FIRST, SECOND, LIVE = POLICIES


def test_a_version_shows_what_it_was_made_from_and_how_it_was_judged(turned: Desk) -> None:
    found = turned.client(Scope.READ).get(f"/v1/policies/{LIVE}").json()
    assert (found["status"], found["iteration"], found["parent"]) == ("live", 2, SECOND)
    assert found["deployments"] == [2]
    assert found["gate"]["decision"] == "promote"
    assert found["gate"]["live"] == SECOND
    assert set(found["gate"]["evidence"]) >= {"episodes_version", "data_digests"}
    assert set(found["gate"]["evidence"]["pairs"]) == {"suite/push", "suite/reach"}
    judged = turned.plane.records.read(record_key(2, Stage.EVALUATE))
    assert judged is not None
    for success, tasks in ((found["success"], "tasks"), (found["gate"]["live_success"], "live_tasks")):
        assert [one["task"] for one in success] == ["suite/push", "suite/reach"]
        for one in success:
            assert one["episodes"] >= 8
            assert one == {name: judged[tasks][one["task"]][name] for name in one if name != "task"} | {
                "task": one["task"]
            }


def test_versions_are_listed_by_where_they_stand(turned: Desk) -> None:
    client = turned.client()
    assert [one["policy_id"] for one in client.get("/v1/policies").json()["items"]] == [LIVE, SECOND, FIRST]
    assert [one["policy_id"] for one in client.get("/v1/policies?status=live").json()["items"]] == [LIVE]
    client.post(f"/v1/policies/{FIRST}:retire", json={"reason": "old"})
    assert [one["policy_id"] for one in client.get("/v1/policies?status=retired").json()["items"]] == [FIRST]
    assert [one["policy_id"] for one in client.get("/v1/policies?status=candidate").json()["items"]] == [SECOND]
    first = client.get("/v1/policies?page_size=2").json()
    second = client.get(f"/v1/policies?page_size=2&page_token={first['next_page_token']}").json()
    assert [one["policy_id"] for one in second["items"]] == [FIRST]


def test_the_data_of_a_version_is_counted(turned: Desk) -> None:
    found = turned.client().get(f"/v1/policies/{SECOND}/lineage").json()
    assert (found["parent"], found["children"]) == (FIRST, [LIVE])
    assert sum(row["episodes"] for row in found["episodes"]) > 0
    assert {row["labeler"] for row in found["labels"]} == {"within"}


def test_a_person_promotes_a_version(turned: Desk) -> None:
    answer = turned.client(Scope.OPERATE).post(f"/v1/policies/{SECOND}:promote", json={"reason": "gentler"})
    assert answer.status_code == 202
    assert answer.json()["status"] == "live"
    control = turned.plane.chronicle.control()
    assert control.live == SECOND
    (newest,) = control.deployments[-1:]
    assert (newest.by, newest.reason, newest.previous, newest.iteration) == ("token:operate", "gentler", LIVE, None)
    assert turned.watch.nudges == 1


def test_past_a_gate_that_said_promote_no_reason_is_needed(turned: Desk) -> None:
    answer = turned.client().post(f"/v1/policies/{SECOND}:promote", json={})
    assert answer.status_code == 202
    judged = turned.plane.records.read(record_key(1, Stage.EVALUATE))
    assert judged is not None
    assert turned.plane.chronicle.control().deployments[-1].reason == judged["reason"]


def test_what_may_not_be_promoted_is_refused_and_nothing_is_done(turned: Desk, folder: Path) -> None:
    client = turned.client()
    assert client.post("/v1/policies/policy-0009:promote", json={"reason": "r"}).status_code == 404
    already = client.post(f"/v1/policies/{LIVE}:promote", json={"reason": "r"})
    assert (already.status_code, "is live already" in already.json()["detail"]) == (409, True)
    client.post(f"/v1/policies/{FIRST}:retire", json={"reason": "old"})
    retired = client.post(f"/v1/policies/{FIRST}:promote", json={"reason": "r"})
    assert (retired.status_code, "was retired" in retired.json()["detail"]) == (409, True)
    flip(next(path for path in (folder / "policies" / SECOND).iterdir() if path.name != "manifest.json"), at=0)
    damaged = client.post(f"/v1/policies/{SECOND}:promote", json={"reason": "r"})
    assert (damaged.status_code, "is damaged" in damaged.json()["detail"]) == (409, True)
    assert len(turned.plane.chronicle.control().deployments) == 3
    assert turned.client(Scope.READ).post(f"/v1/policies/{SECOND}:promote", json={}).status_code == 403


def test_the_live_version_is_not_retired_and_none_is_twice(turned: Desk) -> None:
    client = turned.client()
    assert client.post(f"/v1/policies/{LIVE}:retire", json={"reason": "r"}).status_code == 409
    done = client.post(f"/v1/policies/{FIRST}:retire", json={"reason": "old"})
    assert done.json()["retirement"] == {**done.json()["retirement"], "by": "token:admin", "reason": "old"}
    assert client.post(f"/v1/policies/{FIRST}:retire", json={"reason": "old"}).status_code == 409
    assert client.post(f"/v1/policies/{SECOND}:retire", json={}).status_code == 422


def test_who_saw_another_state_changes_nothing(turned: Desk) -> None:
    client = turned.client()
    seen = {"If-Match": client.get(f"/v1/policies/{SECOND}").headers["ETag"]}
    client.post(f"/v1/policies/{FIRST}:promote", json={"reason": "first"})
    # Another version was promoted: this one is as it was.
    assert client.post(f"/v1/policies/{SECOND}:promote", json={"reason": "second"}, headers=seen).status_code == 202
    client.post(f"/v1/policies/{LIVE}:promote", json={"reason": "back"})
    late = client.post(f"/v1/policies/{SECOND}:promote", json={"reason": "again"}, headers=seen)
    assert late.status_code == 412
    assert turned.plane.chronicle.control().live == LIVE


def test_a_repeated_promotion_is_answered_and_not_done_again(turned: Desk) -> None:
    client, key = turned.client(), {"Idempotency-Key": "a"}
    for _ in range(2):
        assert client.post(f"/v1/policies/{FIRST}:promote", json={"reason": "r"}, headers=key).status_code == 202
    assert len(turned.plane.chronicle.control().deployments) == 4


def test_names_that_lead_elsewhere_are_refused(turned: Desk) -> None:
    client = turned.client()
    for name in ("..", "%2e%2e", ".hidden", "a%2Fb", "x" * 101):
        assert client.get(f"/v1/policies/{name}").status_code in (404, 422), name
