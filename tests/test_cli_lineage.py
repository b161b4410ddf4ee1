import json

import pytest


def answer(flywheel, *arguments):
    code, out, err = flywheel(*arguments, "--json")
    assert (code, err) == (0, "")
    return json.loads(out)


@pytest.mark.parametrize("given", ["1", "policy-0001"])
def test_the_lineage_of_a_version_is_told(flywheel, folder, given):
    code, out, err = flywheel("lineage", "policy", given, "--store", folder)
    assert (code, err) == (0, "")
    assert "parent: policy-0000; children: policy-0002" in out
    assert "gate, iteration 1: promote" in out
    assert "suite/reach" in out
    assert "deployed" in out


def test_the_lineage_of_a_version_as_json(flywheel, folder):
    found = answer(flywheel, "lineage", "policy", "1", "--store", folder)
    assert found["version"]["policy_id"] == "policy-0001"
    assert found["version"]["recalls"] == []
    assert {
        "behaviour_policy": "policy-0000",
        "source": "collection",
        "task": "suite/push",
        "outcome": "success",
        "episodes": 1,
    } in found["episodes"]
    assert found["labelers"][0] == {"task": "suite/push", "labeler": "within", "labeler_version": 1, "labels": 17}
    assert found["gate"]["decision"] == "promote"
    assert found["deployments"] == [{"iteration": 1, "deployed": True}]


def test_the_lineage_of_an_episode_is_told(flywheel, store, folder):
    episode_id = store.episodes.summaries()[0].episode_id
    code, out, err = flywheel("lineage", "episode", episode_id, "--store", folder)
    assert (code, err) == (0, "")
    assert episode_id in out
    assert "trained on it: policy-0000, policy-0001, policy-0002" in out
    found = answer(flywheel, "lineage", "episode", episode_id, "--store", folder)
    assert found["trained"] == ["policy-0000", "policy-0001", "policy-0002"]
    assert [label["task"] for label in found["labels"]] == ["suite/push", "suite/reach"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["lineage", "policy", "9"], "has no policy version policy-0009"),
        (["lineage", "episode", "nobody"], "has no episode nobody"),
        (["recall", "--policy", "9"], "policy-0009 made no episode"),
        (["recall", "--undo", "1"], "has no recall 1"),
        (["recall", "--undo", "1", "--policy", "0"], "--undo stands alone"),
        (["recall", "--episodes", "missing.txt"], "missing.txt: cannot be read"),
    ],
)
def test_what_is_not_there_is_named_and_the_exit_code_is_two(flywheel, folder, arguments, told):
    code, out, err = flywheel(*arguments, "--store", folder)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert told in err


def test_an_empty_file_of_episodes_is_refused(flywheel, folder, tmp_path):
    path = tmp_path / "ids.txt"
    path.write_text("\n \n")
    code, _, err = flywheel("recall", "--episodes", path, "--store", folder)
    assert (code, err) == (2, f"error: {path}: holds no episode id\n")


def test_episodes_are_recalled_listed_and_given_back(flywheel, store, folder, tmp_path):
    names = [episode.episode_id for episode in store.episodes.summaries()[:2]]
    path = tmp_path / "ids.txt"
    path.write_text("".join(f"{name}\n\n" for name in names))
    assert answer(flywheel, "recall", "--store", folder) == []
    flywheel("recall", "--policy", "0", "--reason", "a broken gripper", "--store", folder)
    flywheel("recall", "--episodes", path, "--store", folder)
    found = answer(flywheel, "recall", "--undo", "1", "--store", folder)
    assert [(some["number"], some["counts"], some["undoes"]) for some in found] == [
        (1, False, None),
        (2, True, None),
        (3, False, 1),
    ]
    assert found[0]["policies"] == ["policy-0000"]
    assert found[1]["episodes"] == sorted(names)
    code, out, _ = flywheel("recall", "--store", folder)
    assert code == 0
    assert "a broken gripper" in out
    assert out.splitlines()[-1] == "1 of 3 recalls count"
