import json
import subprocess
import sys

import pytest
import yaml
from builders import make_episode
from small import small_settings
from stored import flip, newest_file, tree

LIGHT = """
import sys
from flywheel.cli import main
try:
    main()
finally:
    print({"ray", "torch"} & {name.partition(".")[0] for name in sys.modules})
"""

RETENTION = {"rules": [{"sources": ["demonstration"], "max_age_iterations": None}, {"max_age_iterations": 1}]}


@pytest.fixture
def retention(tmp_path):
    """A configuration that keeps demonstrations and lets the rest go after an iteration."""
    path = tmp_path / "given.yaml"
    path.write_text(yaml.safe_dump(small_settings(retention=RETENTION)))
    return path


def answer(flywheel, *arguments):
    """Exit code and JSON."""
    code, out, err = flywheel(*arguments, "--json")
    assert err == ""
    return code, json.loads(out)


@pytest.mark.parametrize("command", ["verify", "repair", "compact", "retain", "gc"])
def test_where_no_flywheel_was_run_there_is_nothing_to_look_after(flywheel, tmp_path, command):
    code, out, err = flywheel("data", command, "--store", tmp_path / "nothing")
    assert (code, out, err) == (2, "", f"error: {tmp_path / 'nothing'}: no flywheel was ever run here\n")
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize("command", ["verify", "repair", "compact", "retain", "gc"])
def test_a_store_must_be_named(flywheel, command):
    code, _, err = flywheel("data", command)
    assert code == 2
    assert "--store" in err


def test_a_whole_store_is_told_to_be_whole(flywheel, folder):
    code, out, err = flywheel("data", "verify", "--store", folder)
    assert (code, err) == (0, "")
    assert "policy versions" in out
    assert out.splitlines()[-1] == "nothing is damaged"


def test_damage_is_listed_and_the_exit_code_is_one(flywheel, store, folder):
    path = newest_file(store, "episodes", folder)
    flip(path)
    code, out, _ = flywheel("data", "verify", "--store", folder)
    assert code == 1
    assert f"  damage  episodes/{path.name}: damaged: its sha256 is not the one in its name" in out.splitlines()
    assert out.splitlines()[-1] == "damaged"
    code, found = answer(flywheel, "data", "verify", "--store", folder)
    assert (code, found["damaged"]) == (1, True)
    assert {
        "kind": "damage",
        "area": "episodes",
        "key": str(path.relative_to(folder)),
        "problem": "damaged: its sha256 is not the one in its name",
    } in found["findings"]
    assert flywheel("data", "verify", "--store", folder, "--quick")[0] == 0


def test_leftovers_with_the_same_reason_share_a_line(flywheel, store, folder):
    parts = [store.episodes.write([make_episode(episode_id=f"uncommitted {number}")]) for number in range(3)]
    code, out, _ = flywheel("data", "verify", "--store", folder)
    assert code == 0
    first = min(part.path for part in parts)
    assert f"  leftover  episodes/{first} and 2 more: no version that counts holds it" in out


def test_verify_needs_neither_ray_nor_torch(folder):
    command = [sys.executable, "-c", LIGHT, "data", "verify", "--store", str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines()[-1] == "set()"


def test_a_repair_shows_first_and_mends_when_told_to(flywheel, store, folder):
    path = newest_file(store, "episodes", folder)
    flip(path)
    before = tree(folder)
    for option in ([], ["--dry-run"]):
        code, out, _ = flywheel("data", "repair", "--store", folder, *option)
        assert code == 0
        assert "to quarantine" in out
        assert out.splitlines()[-1] == "nothing was changed; --yes does it"
    assert tree(folder) == before
    code, done = answer(flywheel, "data", "repair", "--store", folder, "--yes")
    assert (code, done["record"]) == (0, "repairs/0001")
    assert [move["key"] for move in done["moves"]] == [str(path.relative_to(folder))]
    assert flywheel("data", "verify", "--store", folder)[0] == 0
    assert flywheel("data", "repair", "--store", folder)[1].splitlines()[-1] == "nothing to do"


def test_what_is_beyond_repair_is_said_and_the_exit_code_is_one(flywheel, folder):
    flip(folder / "flywheel.json", at=60)
    code, out, _ = flywheel("data", "repair", "--store", folder, "--yes")
    assert code == 1
    assert "beyond repair" in out
    assert "flywheel.json" in out


def test_compaction_shows_first_and_joins_when_told_to(flywheel, store, folder):
    before = store.tables["episodes"].newest()
    code, out, _ = flywheel("data", "compact", "--store", folder)
    assert code == 0
    assert out.splitlines()[-1] == "nothing was changed; --yes does it"
    assert store.tables["episodes"].newest() == before
    code, done = answer(flywheel, "data", "compact", "--store", folder, "--yes")
    assert code == 0
    assert [(some["table"], some["files_after"]) for some in done["done"]] == [("episodes", 1), ("labels", 1)]
    assert flywheel("data", "compact", "--store", folder)[1].splitlines()[-1] == "nothing to do"
    assert flywheel("data", "verify", "--store", folder)[0] == 0


def test_retention_shows_first_and_leaves_out_when_told_to(flywheel, store, folder, retention):
    code, out, _ = flywheel("data", "retain", "--store", folder, "--config", retention)
    assert code == 0
    assert "8 episodes go" in out
    code, done = answer(flywheel, "data", "retain", "--store", folder, "--config", retention, "--yes")
    assert code == 0
    assert sum(row["episodes"] for row in done["leaving"]) == 8
    assert {row["source"] for row in done["leaving"]} == {"evaluation"}
    assert len(store.episodes.summaries()) == done["staying"]


def test_without_rules_nothing_goes(flywheel, folder):
    code, out, _ = flywheel("data", "retain", "--store", folder, "--yes")
    assert code == 0
    assert "0 episodes go" in out
    assert out.splitlines()[-1] == "nothing to do"


def test_garbage_is_shown_first_and_deleted_when_told_to(flywheel, store, folder, retention):
    part = store.episodes.write([make_episode(episode_id="never committed")])
    key = f"episodes/{part.path}"
    assert flywheel("data", "gc", "--store", folder)[1].splitlines()[-1] == "nothing to do"
    code, found = answer(flywheel, "data", "gc", "--store", folder, "--grace-hours", "0")
    assert code == 0
    assert [some["entry"]["key"] for some in found["garbage"]] == [key]
    assert found["kept"]["policies"] == ["policy-0002", "policy-0001", "policy-0000"]
    assert (folder / key).exists()
    code, out, _ = flywheel("data", "gc", "--store", folder, "--grace-hours", "0", "--rollback-versions", "0", "--yes")
    assert code == 0
    assert out.splitlines()[-2:] == ["kept for policy-0002", "done: garbage/0001"]
    assert not (folder / key).exists()


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ([{"max_age_iterations": 0}], "retention.rules.0.max_age_iterations"),
        ([{"outcomes": ["won"], "max_age_iterations": 2}], "retention.rules.0.outcomes.0"),
        ([{"outcomes": ["failure"]}], "retention.rules.0.max_age_iterations: Field required"),
    ],
)
def test_a_wrong_rule_is_named(flywheel, folder, tmp_path, rules, told):
    path = tmp_path / "wrong.yaml"
    path.write_text(yaml.safe_dump(small_settings(retention={"rules": rules})))
    code, out, err = flywheel("data", "retain", "--store", folder, "--config", path)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {path}: ")
    assert told in err
