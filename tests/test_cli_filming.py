import json

import pytest

from flywheel.store.videos import ObjectVideos


@pytest.fixture
def episode_id(store) -> str:
    return store.episodes.summaries()[0].episode_id


def test_a_video_that_the_store_has_needs_no_service(flywheel, store, folder, episode_id, tmp_path):
    ObjectVideos(objects=store.objects).save(episode_id, b"a video")
    path = tmp_path / "mine.mp4"
    code, out, _ = flywheel("data", "video", episode_id, "--store", folder, "-o", path, "--json")
    assert (code, json.loads(out)) == (0, {"episode_id": episode_id, "path": str(path), "num_bytes": 7})
    assert path.read_bytes() == b"a video"


@pytest.mark.parametrize(
    ("name", "told"),
    [("nobody", "nobody"), (None, "the configuration has no task suite/")],
)
def test_why_there_is_no_video_is_said(flywheel, folder, episode_id, tmp_path, name, told):
    path = tmp_path / "mine.mp4"
    code, _, err = flywheel("data", "video", name or episode_id, "--store", folder, "-o", path)
    assert code == 2
    assert told in err
    assert not path.exists()


def test_a_place_where_no_file_can_be_is_refused(flywheel, folder, episode_id, tmp_path):
    code, _, err = flywheel("data", "video", episode_id, "--store", folder, "-o", tmp_path)
    assert code == 2
    assert "no file can be there" in err
