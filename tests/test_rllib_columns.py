import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from factories import random_episode
from gymnasium import spaces
from ray.rllib.algorithms.bc import BCConfig
from ray.rllib.core import DEFAULT_MODULE_ID
from ray.rllib.core.columns import Columns
from ray.rllib.offline.offline_data import OfflineData
from ray.rllib.offline.offline_prelearner import OfflinePreLearner
from trading import admission, dataset, kept, varied_episodes

from flywheel.core.errors import ConfigError
from flywheel.exchange.rllib_columns import EPISODES_PER_FILE, read, write

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")


def test_a_round_trip_keeps_every_bit(tmp_path):
    made = varied_episodes()
    write(tmp_path, made, dataset("rllib"))
    came = [admission().episode(found) for found in read(tmp_path)]
    assert [kept(episode) for episode in came] == [kept(episode) for episode in made]


def test_many_episodes_take_several_files(tmp_path):
    short = random_episode(0, num_decisions=1)
    named = (random_episode(0, num_decisions=1, episode_id=f"e{number}") for number in range(EPISODES_PER_FILE + 1))
    write(tmp_path, named, dataset("rllib"))
    assert len(list(tmp_path.iterdir())) == 2
    assert [found.seed for found in read(tmp_path)] == [short.seed] * (EPISODES_PER_FILE + 1)


def test_rllib_reads_the_rows_and_makes_its_episodes_of_them(tmp_path, ray_session):
    made = varied_episodes()[:2]
    write(tmp_path, made, dataset("rllib"))
    space = spaces.Box(-np.inf, np.inf, (4,), np.float32), spaces.Box(-1, 1, (4,), np.float32)
    config = (
        BCConfig()
        .environment(observation_space=space[0], action_space=space[1])
        .offline_data(input_=[str(tmp_path)], materialize_data=False, materialize_mapped_data=False)
        .training(train_batch_size_per_learner=12)
    )
    config.rl_module(rl_module_spec=config.get_multi_rl_module_spec(spaces={DEFAULT_MODULE_ID: space}))
    (batch,) = OfflineData(config).data.iter_batches(batch_size=100)
    learned = OfflinePreLearner(config=config, spaces=space)
    rows = learned._map_to_episodes(batch)["episodes"]
    assert [row.id_ for row in rows] == [made[0].episode_id] * 5 + [made[1].episode_id] * 7
    for episode in made:
        mine = [row for row in rows if row.id_ == episode.episode_id]
        flat = np.concatenate(list(episode.observations.values()), axis=1)
        np.testing.assert_array_equal([row.get_observations(0) for row in mine], flat[:-1])
        np.testing.assert_array_equal([row.get_observations(1) for row in mine], flat[1:])
        np.testing.assert_array_equal([row.get_actions(0) for row in mine], episode.actions)
        np.testing.assert_array_equal([row.get_rewards(0) for row in mine], episode.rewards)
        assert [row.is_terminated for row in mine][-1] == episode.terminated
        assert [row.is_truncated for row in mine] == [False] * (len(mine) - 1) + [episode.truncated]
        assert [row.get_infos(1)["success"] for row in mine] == episode.successes.tolist()
    batch = learned(batch)
    assert any(name.endswith(Columns.OBS) and len(values) == 12 for name, values in batch.items())


FOREIGN = {
    "eps_id": ["a", "a", "b"],
    "obs": [[1.0, 2.0], [3.0, 4.0], [7.0, 8.0]],
    "new_obs": [[3.0, 4.0], [5.0, 6.0], [9.0, 9.0]],
    "actions": [0.5, 0.25, 0.0],
    "rewards": [0.0, 1.0, 2.0],
    "terminateds": [False, True, False],
    "truncateds": [False, False, True],
}


def foreign(tmp_path, **changes):
    path = tmp_path / "foreign.parquet"
    pq.write_table(pa.table({name: some for name, some in {**FOREIGN, **changes}.items() if some is not None}), path)
    return path


def test_rows_of_any_program_become_episodes(tmp_path):
    first, second = read(foreign(tmp_path))
    np.testing.assert_array_equal(first.observations["obs"], [[1, 2], [3, 4], [5, 6]])
    np.testing.assert_array_equal(first.actions, [0.5, 0.25])
    np.testing.assert_array_equal(first.rewards, [0, 1])
    assert (first.terminated, second.terminated, first.successes, first.task) == (True, False, None, None)
    assert first.origin.endswith("rows 0 to 1 (episode a)")


def test_without_new_obs_the_last_observation_counts_twice(tmp_path):
    first, _ = read(foreign(tmp_path, new_obs=None))
    np.testing.assert_array_equal(first.observations["obs"], [[1, 2], [3, 4], [3, 4]])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"rewards": None}, "no column rewards; it has eps_id, obs"),
        ({"eps_id": ["a", "b", "a"]}, "row 2: episode a began before: sort by eps_id and t"),
        ({"new_obs": [[3.0, 5.0], [5.0, 6.0], [9.0, 9.0]]}, "row 1: its obs is not the new_obs of the row before"),
        ({"obs": [[1.0, 2.0], [3.0], [7.0, 8.0]]}, "row 1: obs: 1 numbers, the first row has 2"),
        ({"obs": [["a"], ["b"], ["c"]]}, "obs: lists of string, numbers are needed"),
        ({"actions": [0.5, None, 0.0]}, "row 1: actions: is empty"),
    ],
)
def test_what_is_wrong_with_a_file_is_named_with_its_row(tmp_path, changes, told):
    path = foreign(tmp_path, **changes)
    with pytest.raises(ConfigError) as refused:
        list(read(path))
    assert str(path) in str(refused.value)
    assert told in str(refused.value)


def test_a_damaged_file_is_named(tmp_path):
    path = tmp_path / "odd.parquet"
    path.write_bytes(b"PAR1 and no more")
    with pytest.raises(ConfigError, match=f"{path}: cannot be read"):
        list(read(path))
