import json

import minari
import numpy as np
import pytest
from factories import random_episode
from gymnasium import spaces
from minari.data_collector import EpisodeBuffer
from minari.dataset.minari_storage import MinariStorage
from trading import REACH, admission, dataset, kept, varied_episodes

from flywheel.core.errors import ConfigError
from flywheel.exchange.formats import versioned
from flywheel.exchange.minari import read, write

FORMATS = ["minari", "minari-arrow"]


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_round_trip_keeps_every_bit(tmp_path, file_format):
    made = varied_episodes()
    write(tmp_path, made, dataset(file_format))
    came = [admission().episode(found) for found in read(tmp_path)]
    assert [kept(episode) for episode in came] == [kept(episode) for episode in made]


@pytest.mark.parametrize("file_format", FORMATS)
def test_minari_finds_the_dataset_by_the_name_of_the_task(tmp_path, monkeypatch, file_format):
    made = random_episode(1, terminated=True, truncated=False)
    folder = tmp_path / versioned(REACH)
    folder.mkdir(parents=True)
    write(folder, [random_episode(0), made], dataset(file_format))
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    loaded = minari.load_dataset("suite/reach-v0")
    assert (loaded.total_episodes, loaded.total_steps) == (2, 10)
    episode = loaded[1]
    np.testing.assert_array_equal(episode.observations["tool"], made.observations["tool"])
    np.testing.assert_array_equal(episode.actions, made.actions)
    np.testing.assert_array_equal(episode.rewards, made.rewards)
    np.testing.assert_array_equal(episode.terminations, [False] * 4 + [True])
    np.testing.assert_array_equal(np.ravel(episode.infos["success"])[1:], made.successes)


def foreign(folder, *, observations, observation_space, actions, action_space, **changes):
    """A dataset that somebody else recorded: one episode of two steps."""
    storage = MinariStorage.new(folder, observation_space, action_space, data_format="hdf5")
    storage.update_metadata({"dataset_id": "foreign-v0", "minari_version": minari.__version__})
    values = {
        "observations": observations,
        "actions": actions,
        "rewards": np.array([0.0, 1.0]),
        "terminations": np.array([False, False]),
        "truncations": np.array([False, True]),
    }
    storage.update_episodes([EpisodeBuffer(**(values | changes))])
    return folder


PLAIN = {
    "observations": np.zeros((3, 2), np.float32),
    "observation_space": spaces.Box(-1, 1, (2,)),
    "actions": np.array([[2.0], [-1.0]], np.float32),
    "action_space": spaces.Box(-2, 2, (1,)),
}


def test_actions_are_scaled_from_the_bounds_of_their_space(tmp_path):
    (found,) = read(foreign(tmp_path / "data", **PLAIN))
    np.testing.assert_array_equal(found.actions, [[1.0], [-0.5]])
    assert (found.task, found.seed, found.decision_s, found.successes) == (None, None, None, None)
    assert list(found.observations) == ["observation"]


def test_discrete_actions_become_the_middle_of_their_cell(tmp_path):
    discrete = {"actions": np.array([0, 2]), "action_space": spaces.Discrete(3)}
    (found,) = read(foreign(tmp_path / "data", **(PLAIN | discrete)))
    # Thirds of [-1, 1]: the middles are -2/3, 0 and 2/3.
    np.testing.assert_allclose(found.actions, [-2 / 3, 2 / 3], rtol=1e-12, atol=0)


def test_nested_observations_are_named_by_their_path(tmp_path):
    nested = {
        "observations": {"arm": {"hand": np.zeros((3, 2), np.float32)}},
        "observation_space": spaces.Dict({"arm": spaces.Dict({"hand": spaces.Box(-1, 1, (2,))})}),
    }
    (found,) = read(foreign(tmp_path / "data", **(PLAIN | nested)))
    assert list(found.observations) == ["arm/hand"]


@pytest.mark.parametrize("key", ["success", "is_success", "succeed"])
def test_success_is_found_under_its_usual_names(tmp_path, key):
    infos = {key: np.array([False, False, True])}
    (found,) = read(foreign(tmp_path / "data", **PLAIN, infos=infos))
    np.testing.assert_array_equal(found.successes, [False, True])


def test_actions_that_are_no_numbers_are_refused(tmp_path):
    several = {"actions": np.zeros((2, 2), np.int64), "action_space": spaces.MultiDiscrete([2, 2])}
    with pytest.raises(ConfigError, match="MultiDiscrete actions"):
        list(read(foreign(tmp_path / "data", **(PLAIN | several))))


def test_a_damaged_dataset_is_named(tmp_path):
    write(tmp_path, varied_episodes(), dataset("minari"))
    file = tmp_path / "data" / "main_data.hdf5"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(ConfigError, match=f"{tmp_path}/data: Minari cannot read it"):
        list(read(tmp_path))


def test_a_dataset_that_lacks_what_minari_needs_is_named(tmp_path):
    write(tmp_path, varied_episodes(), dataset("minari"))
    file = tmp_path / "data" / "metadata.json"
    said = json.loads(file.read_text())
    file.write_text(json.dumps({name: value for name, value in said.items() if name != "minari_version"}))
    with pytest.raises(ConfigError, match="KeyError: 'minari_version'"):
        list(read(tmp_path))


def test_a_folder_without_datasets_is_named(tmp_path):
    with pytest.raises(ConfigError, match="no Minari dataset is here"):
        list(read(tmp_path))
