from urllib.request import urlopen

import pytest

from flywheel.core.errors import NotFoundError, RecordExistsError
from flywheel.store.objects import open_objects
from flywheel.store.videos import ObjectVideos

ID = "0001-evaluation-policy-0001-metaworld.reach-v3-7"


@pytest.fixture(params=["folder", "bucket"])
def videos(request, tmp_path) -> ObjectVideos:
    root = tmp_path if request.param == "folder" else request.getfixturevalue("s3_store")
    return ObjectVideos(objects=open_objects(str(root)))


def test_the_first_video_of_an_episode_stays(videos):
    assert videos.find(ID) is None
    with pytest.raises(NotFoundError):
        videos.read(ID, start=0, length=1)
    videos.save(ID, b"a video")
    with pytest.raises(RecordExistsError):
        videos.save(ID, b"another")
    assert videos.find(ID).num_bytes == 7
    assert videos.find(ID) == videos.find(ID)
    assert videos.read(ID, start=2, length=3) == b"vid"
    assert videos.find(ID[:-1]) is None


@pytest.mark.parametrize("name", ["", ".hidden", "../other", "a/b", "a\0b", "x" * 300, "é" * 200])
def test_no_episode_is_called_so(tmp_path, name):
    assert ObjectVideos(objects=open_objects(str(tmp_path))).find(name) is None


def test_a_folder_has_no_address_for_others(tmp_path):
    videos = ObjectVideos(objects=open_objects(str(tmp_path)))
    videos.save(ID, b"a video")
    assert videos.address(ID) is None


def test_a_bucket_gives_the_video_to_whoever_has_its_address(s3_store):
    videos = ObjectVideos(objects=open_objects(s3_store))
    videos.save(ID, b"a video")
    with urlopen(videos.address(ID)) as answer:
        assert answer.read() == b"a video"
        assert answer.headers["Content-Type"] == "video/mp4"
