import pytest
from factories import random_episode, random_label

from flywheel.core.errors import ConfigError
from flywheel.exchange.sql import query
from flywheel.store.episodes import DeltaEpisodes
from flywheel.store.labels import DeltaLabels
from flywheel.store.objects import LocalFolder


@pytest.fixture
def objects(tmp_path):
    """Three episodes, two of them labelled."""
    objects = LocalFolder(root=tmp_path / "store")
    episodes, labels = DeltaEpisodes(objects=objects), DeltaLabels(objects=objects)
    made = [random_episode(number) for number in range(3)]
    episodes.commit([episodes.write(made)], transaction="e")
    some = [random_label(made[0], success=True), random_label(made[1], success=False)]
    labels.commit([labels.write(some)], transaction="l")
    return objects


def rows(objects, text):
    answer = query(objects, text)
    return [dict(zip(answer.names, row, strict=True)) for row in answer.rows()]


def test_both_tables_can_be_asked_and_joined(objects):
    text = """SELECT e.seed, l.success FROM episodes e LEFT JOIN labels l USING (episode_id) ORDER BY e.seed"""
    assert rows(objects, text) == [
        {"seed": 0, "success": True},
        {"seed": 1, "success": False},
        {"seed": 2, "success": None},
    ]


@pytest.mark.parametrize("text", ["WITH a AS (SELECT 1 AS x) SELECT x FROM a", " ( select 1 as x )", "values (1)"])
def test_whatever_only_reads_is_possible(objects, text):
    assert len(rows(objects, text)) == 1


@pytest.mark.parametrize(
    "text",
    ["COPY (SELECT 1) TO 'x.csv'", "CREATE TABLE x AS SELECT 1", "DROP TABLE episodes", "", "selct"],
)
def test_whatever_else_is_refused(objects, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="only SELECT and WITH queries are possible"):
        query(objects, text)
    assert not (tmp_path / "x.csv").exists()


@pytest.mark.parametrize("text", ["EXPLAIN ANALYZE COPY (SELECT 1) TO 'x.csv'", "explain copy (select 1) to 'x.csv'"])
def test_explaining_writes_nothing_either(objects, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError):
        rows(objects, text)
    assert not (tmp_path / "x.csv").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [("SELECT nope FROM episodes", "nope"), ("SELECT * FROM policies", "policies"), ("SELECT 1; SELECT 2", "single")],
)
def test_a_wrong_query_is_told_why_and_which_tables_there_are(objects, text, told):
    with pytest.raises(ConfigError) as refused:
        query(objects, text)
    assert str(refused.value).startswith("sql: ")
    assert told in str(refused.value)
    assert "the tables are episodes and labels" in str(refused.value)


def test_a_store_without_tables_is_named(tmp_path):
    with pytest.raises(ConfigError, match=f"{tmp_path}/episodes: nothing is there yet"):
        query(LocalFolder(root=tmp_path), "SELECT 1")


def test_a_query_that_fails_on_what_it_reads_is_told_why(objects):
    with pytest.raises(ConfigError, match="sql: .*Cannot cast string 'suite/reach' to value of Int64"):
        rows(objects, "SELECT CAST(task AS BIGINT) FROM episodes")


def test_a_damaged_file_is_an_error_of_the_question(objects, tmp_path):
    (part,) = (tmp_path / "store" / "episodes").glob("*.parquet")
    part.write_bytes(part.read_bytes()[:-50])
    with pytest.raises(ConfigError, match="sql: "):
        rows(objects, "SELECT sum(num_decisions) FROM episodes")
