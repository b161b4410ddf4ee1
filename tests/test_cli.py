import subprocess
import sys
from importlib.metadata import version

import pytest
import yaml
from small import small_settings

from flywheel import wiring
from flywheel.config import parse

REPORT_IMPORTS = """
import sys
from flywheel.cli import main
try:
    main()
finally:
    print({"ray", "torch"} & {name.partition(".")[0] for name in sys.modules})
"""


@pytest.fixture
def config_file(tmp_path):
    """Writes a configuration, small but for the changes."""

    def write(**changes):
        path = tmp_path / "given.yaml"
        path.write_text(yaml.safe_dump(small_settings(**changes)))
        return path

    return write


def process(*arguments, code="from flywheel.cli import main; main()"):
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("command", ["--help", "--version", "check-config", "data", "lineage", "recall", "status"])
def test_what_only_looks_imports_neither_ray_nor_torch(command, config_file):
    more = {"check-config": [config_file()], "data": ["verify", "--help"], "lineage": ["policy", "--help"]}
    arguments = [command, *more.get(command, ["--help"] if command in ("recall", "status") else [])]
    ended = process(*arguments, code=REPORT_IMPORTS)
    assert ended.returncode == 0
    assert ended.stdout.splitlines()[-1] == "set()"


def test_a_wrong_file_ends_a_process_with_one_plain_message_and_starts_nothing(config_file, tmp_path):
    path, store = config_file(colect={"episodes_per_task": 3}), tmp_path / "store"
    ended = process("run", path, "--store", store)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.splitlines() == [
        f"error: {path}: 1 setting(s) to correct:",
        "  colect: Extra inputs are not permitted (given: {'episodes_per_task': 3})",
    ]
    assert not store.exists()


def test_help_lists_every_command(flywheel):
    code, out, _ = flywheel("--help")
    assert code == 0
    for command in ("demo", "run", "report", "check-config", "data", "lineage", "recall", "--version"):
        assert command in out


def test_version_is_the_installed_one(flywheel):
    assert flywheel("--version") == (0, f"flywheel {version('flywheel')}\n", "")


def test_a_good_config_is_told_to_be_good(flywheel, config_file):
    path = config_file()
    code, out, err = flywheel("check-config", path)
    assert (code, err) == (0, "")
    assert out == f"{path}: small, 2 tasks, alpha_pac: all settings are valid\n"


SUITE = small_settings()["suites"][0]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"colect": {}}, ["colect", "Extra inputs are not permitted", "given: {}"]),
        ({"collect": {"episodes": 3}}, ["collect.episodes", "given: 3"]),
        ({"seed": -1}, ["seed", "greater than or equal to 0", "given: -1"]),
        ({"until": 1.5}, ["until", "less than or equal to 1", "given: 1.5"]),
        ({"train": {"discount": 1.0}}, ["train.discount", "less than 1", "given: 1.0"]),
        ({"train": {"algorithm": "ppo"}}, ["train.algorithm", "'alpha_pac'", "'filtered_bc'", "given: 'ppo'"]),
        ({"train": {"mixture": {"sources": {"replay": 1.0}}}}, ["train.mixture.0.sources.replay", "'demonstration'"]),
        ({"suites": []}, ["suites", "at least 1 item"]),
        ({"suites": [{**SUITE, "suite": "atari"}]}, ["suites.0", "'metaworld'", "atari"]),
        ({"suites": [{**SUITE, "max_decisions": 0}]}, ["suites.0.gym.max_decisions", "given: 0"]),
    ],
)
@pytest.mark.parametrize("command", ["run", "check-config"])
def test_a_wrong_setting_is_named_with_its_value_and_file(flywheel, config_file, tmp_path, command, changes, told):
    path = config_file(**changes)
    code, out, err = flywheel(command, path, *(["--store", tmp_path / "store"] if command == "run" else []))
    assert (code, out) == (2, "")
    for words in (f"error: {path}: ", *told):
        assert words in err
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("command", ["run", "check-config"])
def test_an_unknown_task_is_named_with_the_nearest_ones(flywheel, config_file, tmp_path, command):
    path = config_file(suites=[{**SUITE, "tasks": ["MountainCarContinous-v0"]}])
    code, out, err = flywheel(command, path, *(["--store", tmp_path / "store"] if command == "run" else []))
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {path}: ")
    assert "gym has no task MountainCarContinous-v0; the nearest are MountainCarContinuous-v0" in err
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("command", ["run", "check-config"])
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file"),
        (b"name: [", "not YAML"),
        (b"\xff\xfe\x00", "not YAML"),
        (b"- a list", "a mapping of settings is needed, not list"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(flywheel, tmp_path, command, content, reason):
    path = tmp_path / "odd.yaml"
    if content is not None:
        path.write_bytes(content)
    code, out, err = flywheel(command, path)
    assert (code, out) == (2, "")
    assert f"error: {path}: " in err
    assert reason in err


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("--iterations", "-1", "greater than or equal to 0"),
        ("--iterations", "many", "valid integer"),
        ("--until", "1.5", "less than or equal to 1"),
        ("--until", "-0.1", "greater than or equal to 0"),
        ("--until", "nan", "less than or equal to 1"),
        ("--seed", "-1", "greater than or equal to 0"),
        ("--seed", "1.5", "valid integer"),
    ],
)
def test_an_impossible_option_is_refused_and_named(flywheel, config_file, tmp_path, option, value, reason):
    code, out, err = flywheel("run", config_file(), "--store", tmp_path / "store", option, value)
    assert (code, out) == (2, "")
    assert f"Invalid value for '{option}'" in err
    assert reason in err
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("arguments", [["run"], ["fly"], ["demo", "--fast"], ["run", "a.yaml", "b.yaml"]])
def test_a_command_that_is_not_one_is_refused(flywheel, arguments):
    code, out, err = flywheel(*arguments)
    assert (code, out) == (2, "")
    assert "Usage: flywheel" in err


def test_a_store_of_another_configuration_is_refused_with_every_difference(flywheel, config_file, tmp_path):
    store = tmp_path / "store"
    wiring.check(parse(small_settings(), origin="before"), str(store))
    path = config_file(collect={"episodes_per_task": 9, "num_environments": 4})
    code, out, err = flywheel("run", path, "--store", store, "--seed", "5")
    assert (code, out) == (2, "")
    assert f"{store / 'flywheel.json'}: the store belongs to another configuration" in err
    assert "collect.episodes_per_task: the store has 2, the configuration says 9" in err
    assert "seed: the store has 1, the configuration says 5" in err
    assert [found.name for found in store.iterdir()] == ["flywheel.json"]


def test_a_damaged_store_is_refused(flywheel, config_file, tmp_path):
    store = tmp_path / "store"
    wiring.check(parse(small_settings(), origin="before"), str(store))
    identity = store / "flywheel.json"
    identity.write_text(identity.read_text().replace('"seed": 1', '"seed": 2'))
    code, _, err = flywheel("run", config_file(), "--store", store)
    assert code == 2
    assert f"{identity}: damaged or edited" in err


@pytest.mark.parametrize(
    ("store", "reason"),
    [
        ("s3://Bucket", "the bucket in lower case"),
        ("ftp://host", "unknown kind ftp"),
        ("given.yaml", "is not a folder"),
    ],
)
def test_a_place_that_cannot_be_a_store_is_refused(flywheel, config_file, tmp_path, monkeypatch, store, reason):
    path = config_file()
    monkeypatch.chdir(tmp_path)
    code, _, err = flywheel("run", path, "--store", store)
    assert code == 2
    assert store in err
    assert reason in err


@pytest.mark.parametrize("there", [True, False])
def test_a_report_needs_a_run(flywheel, tmp_path, there):
    store = tmp_path / "store"
    if there:
        store.mkdir()
    code, out, err = flywheel("report", store)
    assert (code, out) == (2, "")
    assert err == f"error: {store}: no flywheel was ever run here\n"
    assert store.exists() == there


def test_a_report_needs_at_least_one_record(flywheel, tmp_path):
    store = tmp_path / "store"
    wiring.check(parse(small_settings(), origin="before"), str(store))
    code, out, err = flywheel("report", store)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert not (store / "report.json").exists()
