import json

import pyarrow.parquet as pq
from factories import random_episode

from flywheel.exchange.lerobot import read
from flywheel.exchange.lerobot_layout import DATA, EPISODES, INFO
from flywheel.exchange.lerobot_writing import Writer


def test_frames_are_spread_over_files_and_every_episode_is_in_one(tmp_path):
    writer = Writer(folder=tmp_path, instruction="reach", file_bytes=1)
    for number in range(3):
        writer.add(random_episode(number))
    writer.close()
    for number in range(3):
        place = {"chunk_index": 0, "file_index": number}
        (row,) = pq.read_table(tmp_path / EPISODES.format(**place)).to_pylist()
        assert (row["data/file_index"], row["meta/episodes/file_index"]) == (number, number)
        frames = pq.read_table(tmp_path / DATA.format(**place))
        assert frames["index"].to_pylist() == list(range(row["dataset_from_index"], row["dataset_to_index"]))
    assert [found.seed for found in read(tmp_path)] == [0, 1, 2]


def test_the_information_is_written_last(tmp_path):
    writer = Writer(folder=tmp_path, instruction="reach")
    writer.add(random_episode())
    assert not (tmp_path / INFO).exists()
    writer.close()
    said = json.loads((tmp_path / INFO).read_text())
    assert (said["total_episodes"], said["total_frames"], said["splits"]) == (1, 5, {"train": "0:1"})


def test_a_rate_that_is_no_whole_number_is_rounded_and_kept_beside(tmp_path):
    writer = Writer(folder=tmp_path, instruction="reach")
    writer.add(random_episode(decision_s=0.03))
    writer.close()
    said = json.loads((tmp_path / INFO).read_text())
    assert (said["fps"], said["flywheel"]["decision_s"]) == (33, 0.03)
