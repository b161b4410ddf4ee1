"""The API on videos: made when they are asked for, sent whole or in parts, or from the bucket."""

from dataclasses import replace

import pytest
from desk import Desk, open_desk
from filming import PATIENCE_S, SlowMaker
from small import small_config
from stored import StoredWorld
from turned import turned_desk  # noqa: F401 - a fixture

from flywheel.core.access import Scope
from flywheel.core.errors import OtherReplayError, RenderingError
from flywheel.filming.darkroom import Darkroom

VIDEO = b"0123456789"


@pytest.fixture
def maker():
    made = SlowMaker()
    yield made
    made.let.set()


@pytest.fixture
def desk(turned: Desk, maker: SlowMaker) -> Desk:
    darkroom = Darkroom(maker=maker, videos=turned.plane.videos, capacity=1)
    return replace(turned, plane=replace(turned.plane, darkroom=darkroom))


@pytest.fixture
def ids(desk: Desk) -> list[str]:
    return [some.episode_id for some in desk.plane.episodes.summaries()]


def path_of(episode_id: str) -> str:
    return f"/v1/episodes/{episode_id}/video"


def test_the_first_request_makes_a_video_and_later_ones_get_it(desk: Desk, maker: SlowMaker, ids: list[str]) -> None:
    client = desk.client(Scope.READ)
    first = client.get(path_of(ids[0]))
    assert (first.status_code, first.headers["Retry-After"]) == (202, "1")
    assert first.json()["state"] in ("queued", "rendering")
    assert maker.shown.wait(PATIENCE_S)
    assert client.get(path_of(ids[0])).json() == {"state": "rendering", "done": 1, "total": 2}
    maker.let.set()
    desk.plane.darkroom.join(PATIENCE_S)
    found = client.get(path_of(ids[0]))
    assert (found.status_code, found.headers["Content-Type"]) == (200, "video/mp4")
    assert found.content == f"video of {ids[0]}".encode()


def test_while_as_many_wait_as_may_others_are_told_to_come_back(desk: Desk, ids: list[str]) -> None:
    client = desk.client(Scope.READ)
    client.get(path_of(ids[0]))
    busy = client.get(path_of(ids[1]))
    assert busy.status_code == 503
    assert int(busy.headers["Retry-After"]) > 0
    assert client.get(path_of(ids[0])).status_code == 202


@pytest.mark.parametrize(
    ("failure", "status"), [(OtherReplayError("ended as failure"), 409), (RenderingError("no EGL"), 501)]
)
def test_why_there_is_no_video_is_said(
    desk: Desk, maker: SlowMaker, ids: list[str], failure: Exception, status: int
) -> None:
    client = desk.client(Scope.READ)
    maker.failure = failure
    maker.let.set()
    assert client.get(path_of(ids[0])).status_code == 202
    desk.plane.darkroom.join(PATIENCE_S)
    refused = client.get(path_of(ids[0]))
    assert (refused.status_code, refused.json()["detail"]) == (status, str(failure))


def test_an_episode_whose_task_the_configuration_does_not_have_cannot_be_replayed(turned: Desk) -> None:
    episode = turned.plane.episodes.summaries()[0]
    refused = turned.client(Scope.READ).get(path_of(episode.episode_id))
    assert refused.status_code == 409
    assert episode.task in refused.json()["detail"]


def test_of_an_unknown_episode_there_is_no_video(desk: Desk) -> None:
    client = desk.client(Scope.READ)
    assert [client.get(path_of(name)).status_code for name in ("nobody", ".hidden", "x" * 400)] == [404] * 3
    assert client.get(path_of("x" * 501)).status_code == 422


def test_who_may_not_read_sees_none(desk: Desk, ids: list[str]) -> None:
    assert desk.client(None).get(path_of(ids[0])).status_code == 401
    assert desk.client(Scope.ACT).get(path_of(ids[0])).status_code == 403


def test_a_video_is_sent_in_parts(desk: Desk, ids: list[str]) -> None:
    client = desk.client(Scope.READ)
    desk.plane.videos.save(ids[0], VIDEO)
    whole = client.get(path_of(ids[0]))
    assert (whole.content, whole.headers["Accept-Ranges"]) == (VIDEO, "bytes")
    part = client.get(path_of(ids[0]), headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.content, part.headers["Content-Range"]) == (206, b"234", "bytes 2-4/10")
    beyond = client.get(path_of(ids[0]), headers={"Range": "bytes=10-"})
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, "bytes */10")


def test_a_video_that_one_has_is_not_sent_again(desk: Desk, ids: list[str]) -> None:
    client = desk.client(Scope.READ)
    desk.plane.videos.save(ids[0], VIDEO)
    tag = client.get(path_of(ids[0])).headers["ETag"]
    assert client.get(path_of(ids[0]), headers={"If-None-Match": tag}).status_code == 304
    for held, status in ((tag, 206), ('"another"', 200)):
        answer = client.get(path_of(ids[0]), headers={"Range": "bytes=0-0", "If-Range": held})
        assert answer.status_code == status


@pytest.fixture
def bucket(s3_store: str) -> Desk:
    StoredWorld(s3_store).run(iterations=0)
    return open_desk(s3_store, small_config())


def test_a_bucket_sends_its_videos_itself(bucket: Desk) -> None:
    name = bucket.plane.episodes.summaries()[0].episode_id
    bucket.plane.videos.save(name, VIDEO)
    client = bucket.client(Scope.READ)
    sent = client.get(path_of(name), follow_redirects=False)
    assert sent.status_code == 307
    assert "X-Amz-Signature=" in sent.headers["Location"]
    through = client.get(path_of(name), params={"redirect": False}, headers={"Range": "bytes=0-2"})
    assert (through.status_code, through.content) == (206, b"012")


def test_an_episode_says_whether_it_has_a_video(desk: Desk, ids: list[str]) -> None:
    client = desk.client(Scope.READ)
    assert client.get(f"/v1/episodes/{ids[0]}").json()["has_video"] is False
    desk.plane.videos.save(ids[0], VIDEO)
    assert client.get(f"/v1/episodes/{ids[0]}").json()["has_video"] is True
