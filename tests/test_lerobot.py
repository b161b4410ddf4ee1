import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from factories import random_episode
from lerobot_environment import PYTHON
from trading import admission, dataset, kept, varied_episodes

from flywheel.core.errors import ConfigError
from flywheel.exchange.lerobot import read, write
from flywheel.exchange.lerobot_layout import DATA, EPISODES, INFO

DATA_FILE, EPISODES_FILE = (pattern.format(chunk_index=0, file_index=0) for pattern in (DATA, EPISODES))


def test_a_round_trip_keeps_every_bit(tmp_path):
    made = varied_episodes()
    write(tmp_path, made, dataset("lerobot"))
    came = [admission().episode(found) for found in read(tmp_path)]
    assert [kept(episode) for episode in came] == [kept(episode) for episode in made]


@pytest.mark.skipif(not PYTHON.exists(), reason="make it with: python tests/lerobot_environment.py")
def test_lerobots_own_code_loads_what_is_written(tmp_path):
    made = varied_episodes()
    write(tmp_path, made, dataset("lerobot"))
    ahead = {"action": [0.0, 0.025]}
    command = [PYTHON, Path(__file__).parent / "lerobot_reader.py", tmp_path, json.dumps(ahead)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "home")}
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert ended.returncode == 0, ended.stderr
    loaded = json.loads(ended.stdout)
    assert (loaded["num_episodes"], loaded["fps"], loaded["tasks"]) == (4, 40, {"reach for it": 0})
    frames = loaded["frames"]
    assert len(frames) == 5 + 7 + 5 + 1
    first = 0
    for index, episode in enumerate(made):
        mine = frames[first : first + episode.num_decisions]
        first += episode.num_decisions
        assert [frame["episode_index"] for frame in mine] == [index] * len(mine)
        assert {frame["task"] for frame in mine} == {"reach for it"}
        for name, expected in {
            "observation.tool": episode.observations["tool"][:-1],
            "observation.gripper": episode.observations["gripper"][:-1, 0],
            "next.reward": episode.rewards,
            "next.success": episode.successes,
            "timestamp": (np.arange(len(mine)) / 40).astype(np.float32),
        }.items():
            np.testing.assert_array_equal(np.array([frame[name] for frame in mine], expected.dtype), expected)
        following = np.concatenate([episode.actions[1:], episode.actions[-1:]])
        np.testing.assert_array_equal(
            np.array([frame["action"] for frame in mine], np.float32), np.stack([episode.actions, following], axis=1)
        )
    actions = np.concatenate([episode.actions for episode in made]).astype(np.float64)
    np.testing.assert_allclose(loaded["stats"]["action"]["mean"], actions.mean(axis=0))
    np.testing.assert_allclose(loaded["stats"]["action"]["std"], actions.std(axis=0))


def test_episodes_know_where_their_frames_are(tmp_path):
    write(tmp_path, varied_episodes(), dataset("lerobot"))
    rows = pq.read_table(tmp_path / EPISODES_FILE).to_pylist()
    spans = [(row["dataset_from_index"], row["dataset_to_index"], row["length"]) for row in rows]
    assert spans == [(0, 5, 5), (5, 12, 7), (12, 17, 5), (17, 18, 1)]
    assert {(row["data/chunk_index"], row["data/file_index"]) for row in rows} == {(0, 0)}


def foreign(tmp_path, **info):
    """A recording of two episodes as LeRobot makes it, without anything of ours: the success is in its last frame."""
    features = {
        "observation.state": {"dtype": "float32", "shape": [2], "names": None},
        "observation.images.front": {"dtype": "video", "shape": [3, 8, 8], "names": None},
        "action": {"dtype": "float32", "shape": [1], "names": None},
        "next.success": {"dtype": "bool", "shape": [1], "names": None},
        "episode_index": {"dtype": "int64", "shape": [1], "names": None},
        "task_index": {"dtype": "int64", "shape": [1], "names": None},
    }
    for name in (INFO, DATA_FILE, EPISODES_FILE):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    values = {"codebase_version": "v3.0", "fps": 40, "features": features}
    (tmp_path / INFO).write_text(json.dumps(values | info))
    frames = {
        "observation.state": pa.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], pa.list_(pa.float32())),
        "action": pa.array([0.0, 0.5, 1.0], pa.float32()),
        "next.success": [False, True, False],
        "episode_index": [0, 0, 1],
        "task_index": [0, 0, 1],
    }
    pq.write_table(pa.table(frames), tmp_path / DATA_FILE)
    pq.write_table(pa.table({"episode_index": [0, 1], "length": [2, 1]}), tmp_path / EPISODES_FILE)
    tasks = pa.table({"task_index": [0, 1], "__index_level_0__": ["reach for it", "push it"]})
    pq.write_table(tasks, tmp_path / "meta" / "tasks.parquet")
    return tmp_path


def test_a_recording_is_read_and_its_last_observation_counts_twice(tmp_path):
    first, second = read(foreign(tmp_path))
    assert list(first.observations) == ["state"]
    np.testing.assert_array_equal(first.observations["state"], [[1, 2], [3, 4], [3, 4]])
    np.testing.assert_array_equal(first.actions, [0, 0.5])
    np.testing.assert_array_equal(first.successes, [False, True])
    assert (first.terminated, second.terminated) == (True, False)
    assert (first.task, second.task, first.decision_s) == ("reach for it", "push it", 0.025)
    assert (first.rewards, first.seed) == (None, None)


def test_an_older_version_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"LeRobot v2\.1; only v3\.0 can be imported: convert it with LeRobot"):
        list(read(foreign(tmp_path, codebase_version="v2.1")))


@pytest.mark.parametrize("file", [DATA_FILE, EPISODES_FILE, "meta/tasks.parquet", INFO])
def test_a_damaged_dataset_is_named(tmp_path, file):
    write(tmp_path, [random_episode()], dataset("lerobot"))
    path = tmp_path / file
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(ConfigError, match=f"{tmp_path}: cannot be read"):
        list(read(tmp_path))


def test_a_folder_without_datasets_is_named(tmp_path):
    with pytest.raises(ConfigError, match="no LeRobot dataset is here"):
        list(read(tmp_path))
