"""The API on data: episodes, success rates, tasks, datasets, the configuration; over a finished run."""

from pathlib import Path
from urllib.parse import quote

import pytest
from desk import Desk, open_desk
from small import TASKS, small_config
from turned import LIVE, turned_desk  # noqa: F401 - a fixture

from flywheel.core.access import Scope
from flywheel.core.policy import SuccessRate


def everything(client, path: str, **params) -> list[dict]:
    """The items of every page."""
    items, token = [], None
    while True:
        page = client.get(path, params=params | ({"page_token": token} if token else {})).json()
        items += page["items"]
        token = page["next_page_token"]
        if token is None:
            return items


def test_episodes_are_listed_the_latest_first_page_by_page(turned: Desk) -> None:
    client = turned.client(Scope.READ)
    found = everything(client, "/v1/episodes", page_size=7)
    ids = [one["episode_id"] for one in found]
    assert ids == [some.episode_id for some in reversed(turned.plane.episodes.summaries())]
    assert found[0]["iteration"] == 2


def test_episodes_are_found_by_what_they_are(turned: Desk) -> None:
    client = turned.client(Scope.READ)
    known = turned.plane.episodes.summaries()

    def expected(**wanted) -> int:
        return sum(all(getattr(some, name) == value for name, value in wanted.items()) for some in known)

    for query, wanted in (
        ({"task": "suite/push"}, {"task": "suite/push"}),
        ({"policy": "policy-0001"}, {"behaviour_policy": "policy-0001"}),
        ({"outcome": "failure", "iteration": 1}, {"outcome": "failure", "iteration": 1}),
        ({"source": "evaluation", "policy": LIVE}, {"source": "evaluation", "behaviour_policy": LIVE}),
    ):
        assert len(everything(client, "/v1/episodes", **query)) == expected(**wanted) > 0
    assert everything(client, "/v1/episodes", task="suite/nothing") == []
    assert client.get("/v1/episodes?outcome=nice").status_code == 422
    assert client.get("/v1/episodes?page_token=%C3%A9").status_code == 400


def test_an_episode_is_shown_with_its_labels_and_the_shapes_of_its_arrays(turned: Desk) -> None:
    client = turned.client(Scope.READ)
    episode = next(iter(turned.plane.episodes.read()))
    path = f"/v1/episodes/{quote(episode.episode_id)}"
    found = client.get(path).json()
    assert (found["episode_id"], found["task"], found["outcome"]) == (
        episode.episode_id,
        episode.task,
        str(episode.outcome),
    )
    assert found["actions"] == list(episode.actions.shape)
    assert found["observations"] == {name: list(values.shape) for name, values in episode.observations.items()}
    labels = turned.plane.labels.read()[episode.episode_id]
    assert [(one["task"], one["success"]) for one in found["labels"]] == [(one.task, one.success) for one in labels]
    assert [one["total_reward"] for one in found["labels"]] == [float(one.rewards.sum()) for one in labels]
    assert client.get(f"{path}/labels").json()["items"] == found["labels"]
    lineage = client.get(f"{path}/lineage").json()
    assert LIVE in lineage["trained"]
    assert [client.get(f"/v1/episodes/nobody{end}").status_code for end in ("", "/labels", "/lineage")] == [404] * 3


def test_success_rates_are_counted_from_the_episodes(turned: Desk) -> None:
    client = turned.client(Scope.READ)
    found = everything(client, "/v1/success-rates", page_size=3)
    known = turned.plane.episodes.summaries()
    for one in found:
        kind = (one["policy_id"], one["task"], one["source"])
        outcomes = [some.outcome for some in known if (some.behaviour_policy, some.task, some.source) == kind]
        rate = SuccessRate.of(outcomes)
        assert (one["successes"], one["episodes"], one["rate"]) == (rate.successes, rate.episodes, rate.rate)
        assert (one["lower"], one["upper"]) == (rate.lower, rate.upper)
    assert sum(one["episodes"] + one["errors"] + one["unscored"] for one in found) == len(known)
    some = everything(client, "/v1/success-rates", policy=LIVE, task="suite/push", source="final")
    assert [(one["successes"], one["episodes"]) for one in some] == [(5, 5)]


def test_tasks_are_those_of_the_configuration(turned: Desk) -> None:
    client = turned.client(Scope.READ)
    found = client.get("/v1/tasks").json()["items"]
    assert [one["name"] for one in found] == sorted(TASKS)
    assert {one["live"] for one in found} == {LIVE}
    # The run that was made up has other tasks than its configuration: of these, nothing was evaluated.
    assert {one["success"] for one in found} == {None}
    assert client.get(f"/v1/tasks/{TASKS[0]}").json()["instruction"]
    assert client.get("/v1/tasks/gym/Pong").status_code == 404


def test_a_dataset_says_what_an_iteration_trained_on(turned: Desk) -> None:
    client = turned.client(Scope.READ)
    found = client.get("/v1/datasets").json()["items"]
    assert [one["iteration"] for one in found] == [2, 1, 0]
    version = turned.plane.policies.version(LIVE)
    assert version is not None
    assert found[0]["versions"] == version.trained_on
    assert found[0]["digests"]["episodes"] == turned.plane.episodes.digest(version.trained_on["episodes"])
    assert found[0]["mixture"]["sources"] == {"demonstration": 0.5, "collection": 0.5}
    assert client.get("/v1/datasets/2").json() == found[0]
    assert client.get("/v1/datasets/3").status_code == 404


def test_two_datasets_are_compared(turned: Desk) -> None:
    client = turned.client(Scope.READ)
    found = client.get("/v1/datasets/2/difference?since=0").json()
    assert (found["iteration"], found["since"]) == (2, 0)
    changes = {change["key"]: (change["before"], change["now"]) for change in found["changes"]}
    assert changes["num_updates"] == ("30", "10")
    assert "trained_on.episodes" in changes
    assert client.get("/v1/datasets/2/difference").json()["since"] == 1
    assert client.get("/v1/datasets/0/difference").status_code == 404
    assert client.get("/v1/datasets/2/difference?since=9").status_code == 404


def test_the_configuration_is_shown_whole(turned: Desk) -> None:
    found = turned.client(Scope.READ).get("/v1/config").json()
    assert found["settings"] == turned.plane.config.model_dump(mode="json")
    assert found["store"] == turned.plane.store


@pytest.mark.parametrize(
    "path",
    ["episodes", "success-rates", "datasets", "policies", "deployments", "campaigns", "schedules", "iterations"],
)
def test_a_new_store_has_empty_lists(tmp_path: Path, path: str) -> None:
    answer = open_desk(tmp_path / "store", small_config()).client().get(f"/v1/{path}")
    assert answer.json() == {"items": [], "next_page_token": None}
    assert answer.headers["ETag"]
