"""Episodes of whoever was live, or the candidate, at a time."""

from datetime import datetime, timedelta

from desk import Desk, open_desk
from small import small_config
from turned import LIVE, POLICIES, turned_desk  # noqa: F401 - a fixture

from flywheel.core.entry import Action


def makers(client, **query) -> set[str]:
    answer = client.get("/v1/episodes", params={"page_size": 500, **query})
    assert answer.status_code == 200, answer.text
    return {one["behaviour_policy"] for one in answer.json()["items"]}


def evaluated(desk: Desk) -> list[str]:
    """When each candidate was judged."""
    entries = desk.plane.chronicle.control().entries
    return [
        some.at for some in entries if some.action is Action.STAGE_COMPLETED and some.details["stage"] == "evaluate"
    ]


def test_live_is_who_was_live_then(turned: Desk) -> None:
    client = turned.client()
    assert makers(client, policy="live") == {LIVE}
    for deployment in turned.plane.chronicle.control().deployments:
        assert makers(client, policy="live", at=deployment.at) == {deployment.policy_id}
        counted = round(datetime.fromisoformat(deployment.at).timestamp() * 1000)
        assert makers(client, policy="live", at=counted) == {deployment.policy_id}


def test_candidate_is_who_was_judged_last_then(turned: Desk) -> None:
    client = turned.client()
    assert makers(client, policy="candidate") == {LIVE}
    for policy, at in zip(POLICIES, evaluated(turned), strict=True):
        assert makers(client, policy="candidate", at=at) == {policy}


def test_where_nobody_was_it_is_said(turned: Desk, tmp_path) -> None:
    client = turned.client()
    first = datetime.fromisoformat(evaluated(turned)[0])
    before = (first - timedelta(milliseconds=1)).isoformat()
    for policy in ("live", "candidate"):
        answer = client.get("/v1/episodes", params={"policy": policy, "at": before})
        assert (answer.status_code, f"no {policy} version at" in answer.json()["detail"]) == (404, True)
    fresh = open_desk(tmp_path / "fresh", small_config()).client().get("/v1/episodes?policy=live")
    assert (fresh.status_code, "no live version yet" in fresh.json()["detail"]) == (404, True)


def test_a_time_without_a_place_is_refused(turned: Desk) -> None:
    client = turned.client()
    for query in ("at=2026-01-05T09:30:00Z", "policy=policy-0001&at=0", "policy=live&at=2026-01-05"):
        assert client.get(f"/v1/episodes?{query}").status_code == 422, query
