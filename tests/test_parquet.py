import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from factories import crashed_episode, random_episode
from trading import admission, dataset, kept, varied_episodes

from flywheel.core.errors import ConfigError
from flywheel.exchange.parquet import EPISODES_PER_FILE, read, write
from flywheel.store.episode_rows import SCHEMA


@pytest.mark.parametrize("file_format", ["parquet", "arrow"])
def test_a_round_trip_keeps_every_bit(tmp_path, file_format):
    made = varied_episodes()
    write(tmp_path, made, dataset(file_format))
    assert [file.name for file in tmp_path.iterdir()] == [f"episodes-00000.{file_format}"]
    came = [admission().episode(found) for found in read(tmp_path)]
    assert [kept(episode) for episode in came] == [kept(episode) for episode in made]


def test_crashed_episodes_are_kept_and_say_so(tmp_path):
    write(tmp_path, [crashed_episode(1), random_episode(2)], dataset("parquet"))
    assert [found.error for found in read(tmp_path)] == ["raised", None]


def test_many_episodes_take_several_files(tmp_path):
    short = random_episode(0, num_decisions=1)
    write(tmp_path, (short for _ in range(EPISODES_PER_FILE + 1)), dataset("parquet"))
    assert [pq.read_metadata(file).num_rows for file in sorted(tmp_path.iterdir())] == [EPISODES_PER_FILE, 1]


def test_the_columns_are_those_of_the_table(tmp_path):
    write(tmp_path, [random_episode()], dataset("parquet"))
    assert pq.read_schema(tmp_path / "episodes-00000.parquet").equals(SCHEMA)


MINIMAL = {
    "action_size": [2],
    "actions": [[0.5, -0.5, 1.0, 0.0]],
    "observations": [[{"name": "x", "shape": [3, 1], "values": [1.0, 2.0, 3.0]}]],
}
"""What any program may write: two decisions."""


def written(tmp_path, **changes):
    path = tmp_path / "mine.parquet"
    pq.write_table(pa.table({name: some for name, some in {**MINIMAL, **changes}.items() if some is not None}), path)
    return path


def test_three_columns_are_enough(tmp_path):
    (found,) = read(written(tmp_path))
    np.testing.assert_array_equal(found.actions, [[0.5, -0.5], [1, 0]])
    np.testing.assert_array_equal(found.observations["x"], [[1], [2], [3]])
    assert (found.rewards, found.successes, found.task, found.terminated) == (None, None, None, False)


def test_successes_count_only_where_the_episode_is_scored(tmp_path):
    (found,) = read(written(tmp_path, successes=[[False, True]]))
    np.testing.assert_array_equal(found.successes, [False, True])
    (found,) = read(written(tmp_path, successes=[[False, True]], scored=[False]))
    assert found.successes is None


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"actions": None}, "no column actions"),
        ({"actions": [["left"] * 4]}, "column actions"),
        ({"action_size": [3]}, "row 0: actions: 4 numbers are no rows of action_size 3"),
        ({"action_size": [0]}, "row 0: actions: 4 numbers are no rows of action_size 0"),
        ({"observations": [[{"name": "x", "shape": [4, 1], "values": [1.0]}]]}, "row 0: values do not fit"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(tmp_path, changes, told):
    path = written(tmp_path, **changes)
    with pytest.raises(ConfigError) as refused:
        list(read(path))
    assert str(path) in str(refused.value)
    assert told in str(refused.value)


@pytest.mark.parametrize("file_format", ["parquet", "arrow"])
def test_a_truncated_file_is_named(tmp_path, file_format):
    write(tmp_path, varied_episodes(), dataset(file_format))
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ConfigError, match=f"{file}: cannot be read"):
        list(read(tmp_path))


def test_a_place_without_files_is_named(tmp_path):
    with pytest.raises(ConfigError, match="no such file or folder"):
        list(read(tmp_path / "nowhere"))
    with pytest.raises(ConfigError, match="holds none of"):
        list(read(tmp_path))
