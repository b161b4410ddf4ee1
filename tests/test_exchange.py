import csv
import json
import subprocess
import sys
from io import StringIO

import pytest
import yaml
from factories import random_episode
from small import TASKS, small_config, small_settings

from flywheel import cli, wiring
from flywheel.store.episodes import DeltaEpisodes
from flywheel.store.objects import open_objects

CONTINUOUS = TASKS[0]
BODY = {"mountaincarcontinuous_observation": random_episode().observations["tool"][:, :2]}

LOADED = """
import sys
from flywheel.cli import main
try:
    main()
finally:
    print({"ray", "torch"} & {name.partition(".")[0] for name in sys.modules})
"""


@pytest.fixture
def flywheel(monkeypatch, capsys):
    """Runs a `data` command in this process: exit code, standard output, standard error."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["flywheel", "data", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        return ended.value.code or 0, out, err

    return run


@pytest.fixture
def store(tmp_path):
    fill(str(tmp_path / "store"))
    return tmp_path / "store"


def fill(store):
    """Three episodes of the small configuration."""
    wiring.check(small_config(), store)
    table = DeltaEpisodes(objects=open_objects(store))
    values = {"task": CONTINUOUS, "scene": CONTINUOUS, "observations": BODY, "decision_s": 1 / 6, "facts": {}}
    made = [random_episode(number, action_size=1, **values) for number in range(3)]
    table.commit([table.write(made)], transaction="t")


def test_help_lists_the_commands(flywheel):
    code, out, _ = flywheel("--help")
    assert code == 0
    for command in ("import", "export", "sql"):
        assert f"\n│ {command} " in out


def test_episodes_go_out_and_come_in_again(flywheel, store, tmp_path):
    out = tmp_path / "out"
    code, printed, err = flywheel("export", "--store", store, "--format", "arrow", "--out", out)
    assert (code, err) == (0, "")
    assert printed == f"{CONTINUOUS}: 3 episodes\n{out}: 15 decisions\n"
    assert flywheel("import", out, "--store", store, "--format", "arrow") == (0, f"added: {CONTINUOUS} 3\n", "")
    repeated = "added: nothing\nthere already: 3\n"
    assert flywheel("import", out, "--store", store, "--format", "arrow") == (0, repeated, "")


def test_in_s3_too_they_go_out_come_in_and_are_asked_about(flywheel, s3_store, tmp_path):
    fill(s3_store)
    out = tmp_path / "out"
    assert flywheel("export", "--store", s3_store, "--format", "parquet", "--out", out)[0] == 0
    assert flywheel("import", out, "--store", s3_store, "--format", "parquet") == (0, f"added: {CONTINUOUS} 3\n", "")
    code, printed, _ = flywheel("sql", "SELECT COUNT(*) AS found FROM episodes", "--store", s3_store, "--csv")
    assert (code, printed.split()) == (0, ["found", "6"])


def test_a_selection_is_exported_and_told_as_json(flywheel, store, tmp_path):
    chosen = ["--task", CONTINUOUS, "--source", "collection", "--policy", "p0000", "--outcome", "success"]
    place = ["--store", store, "--format", "parquet", "--out", tmp_path / "out"]
    code, printed, _ = flywheel("export", *place, *chosen, "--json", "--version", 1)
    assert (code, json.loads(printed)["crashed"]) == (0, 0)
    code, printed, _ = flywheel("import", tmp_path / "out", "--store", store, "--format", "parquet", "--json")
    told = json.loads(printed)
    assert (code, told["repeated"], told["episodes_version"]) == (0, 0, 2)
    assert told["transaction"].startswith("upload-")


def test_a_new_store_is_claimed_for_a_config(flywheel, store, tmp_path):
    flywheel("export", "--store", store, "--format", "parquet", "--out", tmp_path / "out")
    config = tmp_path / "given.yaml"
    config.write_text(yaml.safe_dump(small_settings()))
    new = ["--store", tmp_path / "new", "--format", "parquet"]
    code, _, err = flywheel("import", tmp_path / "out", *new)
    assert code == 2
    assert "no flywheel was ever run here" in err
    code, out, _ = flywheel("import", tmp_path / "out", *new, "--config", config)
    assert (code, out) == (0, f"added: {CONTINUOUS} 3\n")


def test_wrong_files_end_with_one_message_and_exit_code_2(flywheel, store, tmp_path):
    code, out, err = flywheel("import", tmp_path / "nowhere", "--store", store, "--format", "parquet")
    assert (code, out, err) == (2, "", f"error: {tmp_path}/nowhere: no such file or folder\n")


ASKED = "SELECT seed, outcome IS NULL AS odd, rewards, time_to_success_s FROM episodes ORDER BY seed"


def test_answers_are_a_table(flywheel, store):
    code, out, err = flywheel("sql", "SELECT seed, task, error FROM episodes ORDER BY seed", "--store", store)
    assert (code, err) == (0, "")
    lines = [line.split() for line in out.splitlines() if line.strip()]
    assert lines[0] == ["seed", "task", "error"]
    assert lines[2:] == [[str(seed), CONTINUOUS] for seed in range(3)]


def test_a_wide_table_is_not_cut_where_it_is_piped(flywheel, store):
    columns = ", ".join(f"episode_id AS id{number}" for number in range(8))
    code, out, _ = flywheel("sql", f"SELECT {columns} FROM episodes", "--store", store)
    assert code == 0
    assert out.count(random_episode(0).episode_id) == 8


def test_asking_loads_neither_ray_nor_torch(store):
    arguments = ["data", "sql", "SELECT 1 AS one", "--store", str(store), "--csv"]
    ended = subprocess.run([sys.executable, "-c", LOADED, *arguments], capture_output=True, text=True, check=False)
    assert ended.stdout.splitlines() == ["one", "1", "set()"]


def test_a_long_table_ends_where_it_is_told_to(flywheel, store):
    code, out, _ = flywheel("sql", "SELECT seed FROM episodes ORDER BY seed", "--store", store, "--limit", 2)
    assert code == 0
    assert out.split()[:1] == ["seed"]
    assert "the first 2 rows; --limit, --json or --csv show more" in out
    assert "2" not in out.partition("the first")[0].split()


def test_json_holds_every_row_and_array(flywheel, store):
    code, out, _ = flywheel("sql", ASKED, "--store", store, "--json", "--limit", 1)
    rows = json.loads(out)
    assert (code, [row["seed"] for row in rows]) == (0, [0, 1, 2])
    assert len(rows[0]["rewards"]) == 5
    assert rows[0]["odd"] is False


def test_json_has_null_where_a_number_is_none_and_text_for_times(flywheel, store):
    odd = "SELECT 0.0 / 0.0 AS ratio, CAST('2026-01-02T03:04:05' AS TIMESTAMP) AS moment"
    code, out, _ = flywheel("sql", odd, "--store", store, "--json")
    assert (code, json.loads(out)) == (0, [{"ratio": None, "moment": "2026-01-02 03:04:05"}])


def test_csv_holds_every_row(flywheel, store):
    code, out, _ = flywheel("sql", ASKED, "--store", store, "--csv")
    header, *rows = csv.reader(StringIO(out))
    assert (code, header) == (0, ["seed", "odd", "rewards", "time_to_success_s"])
    assert [row[0] for row in rows] == ["0", "1", "2"]
    assert len(json.loads(rows[0][2])) == 5


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["SELECT nope FROM episodes"], "error: sql: "),
        (["DROP TABLE episodes"], "error: sql: only SELECT and WITH queries are possible"),
        (["SELECT 1", "--json", "--csv"], "choose one"),
        (["SELECT 1", "--limit", "0"], "--limit"),
    ],
)
def test_a_wrong_question_is_told_why(flywheel, store, arguments, told):
    code, out, err = flywheel("sql", *arguments, "--store", store)
    assert (code, out) == (2, "")
    assert told in err
