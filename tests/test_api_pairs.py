"""The API on pairs: what the gate compared, over a finished run."""

from collections import Counter

from desk import Desk
from turned import LIVE, POLICIES, turned_desk  # noqa: F401 - a fixture

from flywheel.api.pairs import Result
from flywheel.core.access import Scope
from flywheel.core.iteration import Stage, record_key
from flywheel.core.pairs import Pair


def test_every_letter_of_the_record_is_a_pair_of_episodes(turned: Desk) -> None:
    judged = turned.plane.records.read(record_key(2, Stage.EVALUATE))
    assert judged is not None
    pairs = turned.client(Scope.READ).get("/v1/iterations/2/pairs?page_size=500").json()["items"]
    for task, letters in judged["evidence"]["pairs"].items():
        found = Counter(one["result"] for one in pairs if one["task"] == task)
        assert found == Counter(Pair(letter).name.lower() for letter in letters)
    for one in pairs:
        candidate, live = one["candidate"], one["live"]
        assert (candidate["behaviour_policy"], live["behaviour_policy"]) == (LIVE, POLICIES[1])
        assert candidate["initial_state"] == live["initial_state"]
        assert {candidate["seed"], live["seed"]} == {one["seed"]}


def test_pairs_are_found_page_by_page_by_task_and_result(turned: Desk) -> None:
    client = turned.client()
    wins = client.get("/v1/iterations/2/pairs?result=win&page_size=500").json()["items"]
    assert wins
    assert {one["result"] for one in wins} == {"win"}
    first = client.get("/v1/iterations/2/pairs?task=suite/push&page_size=1").json()
    second = client.get(
        "/v1/iterations/2/pairs", params={"task": "suite/push", "page_token": first["next_page_token"]}
    ).json()
    seeds = [one["seed"] for one in first["items"] + second["items"]]
    assert seeds == sorted(set(seeds))
    assert client.get("/v1/iterations/2/pairs?result=draw").status_code == 422


def test_where_nothing_was_compared_there_are_none(turned: Desk) -> None:
    client = turned.client()
    assert client.get("/v1/iterations/0/pairs").json() == {"items": [], "next_page_token": None}
    assert client.get("/v1/iterations/9/pairs").status_code == 404


def test_every_result_has_a_word() -> None:
    assert [result.name for result in Result] == [pair.name for pair in Pair]
