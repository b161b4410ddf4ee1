"""Videos through the client and the command line, on a real socket."""

import json
from dataclasses import replace

import pytest
from answering import serving
from filming import SlowMaker
from turned import open_turned

from flywheel.api.application import create_app
from flywheel.client import Filming, Flywheel
from flywheel.core.access import Scope
from flywheel.core.errors import ApiConflictError, ApiError, ApiUnknownError, RenderingError, WaitTimeoutError
from flywheel.filming.darkroom import Darkroom


@pytest.fixture
def maker():
    made = SlowMaker()
    yield made
    made.let.set()


@pytest.fixture
def desk(folder, maker):
    made = open_turned(folder)
    darkroom = Darkroom(maker=maker, videos=made.plane.videos, capacity=1)
    return replace(made, plane=replace(made.plane, darkroom=darkroom))


@pytest.fixture
def episode_id(desk) -> str:
    return desk.plane.episodes.summaries()[0].episode_id


@pytest.fixture
def url(desk):
    with serving(create_app(desk.plane)) as address:
        yield address


@pytest.fixture
def wheel(desk, url):
    with Flywheel(url, desk.secrets[Scope.READ]) as client:
        yield client


def test_a_video_is_waited_for_and_its_progress_told(wheel, maker, episode_id):
    told: list[Filming] = []

    def heard(filming: Filming) -> None:
        told.append(filming)
        maker.let.set()

    assert wheel.episodes.video(episode_id, heard=heard) == f"video of {episode_id}".encode()
    assert told[0].state in ("queued", "rendering")
    assert wheel.episodes.get(episode_id).has_video
    assert wheel.episodes.video(episode_id, timeout_s=0) == f"video of {episode_id}".encode()


def test_who_does_not_want_to_wait_longer_is_told_how_far_it_is(wheel, episode_id):
    with pytest.raises(WaitTimeoutError, match=rf"the video of {episode_id} is \w+ after 0 s; it goes on"):
        wheel.episodes.video(episode_id, timeout_s=0)


def test_why_there_is_none_is_told(wheel, maker, desk, episode_id):
    with pytest.raises(ApiUnknownError):
        wheel.episodes.video("nobody")
    maker.failure = RenderingError("this machine cannot render: no EGL")
    maker.let.set()
    with pytest.raises(ApiError, match=r"this machine cannot render: no EGL \(501 Not Implemented\)"):
        wheel.episodes.video(episode_id)


def test_an_episode_that_cannot_be_replayed_is_a_conflict(folder):
    made = open_turned(folder)
    name = made.plane.episodes.summaries()[0].episode_id
    with (
        serving(create_app(made.plane)) as url,
        Flywheel(url, made.secrets[Scope.READ]) as client,
        pytest.raises(ApiConflictError, match="the configuration has no task"),
    ):
        client.episodes.video(name)


@pytest.fixture
def asked(desk, url, maker, flywheel, monkeypatch, tmp_path):
    """The command, in an empty folder."""
    monkeypatch.setenv("FLYWHEEL_URL", url)
    monkeypatch.setenv("FLYWHEEL_TOKEN", desk.secrets[Scope.READ])
    monkeypatch.chdir(tmp_path)
    return flywheel


def test_a_command_writes_the_video_into_a_file(asked, maker, episode_id, tmp_path):
    maker.let.set()
    code, out, err = asked("episodes", "video", episode_id)
    assert (code, err) == (0, "")
    assert out.startswith(f"{episode_id}.mp4: ")
    assert (tmp_path / f"{episode_id}.mp4").read_bytes() == f"video of {episode_id}".encode()
    code, out, _ = asked("episodes", "video", episode_id, "-o", "mine.mp4", "--json")
    assert json.loads(out) == {
        "episode_id": episode_id,
        "path": "mine.mp4",
        "num_bytes": len((tmp_path / "mine.mp4").read_bytes()),
    }


def test_a_place_where_no_file_can_be_is_refused_before_any_work(asked, maker, episode_id, tmp_path):
    for place in (tmp_path / "nowhere" / "video.mp4", tmp_path):
        code, _, err = asked("episodes", "video", episode_id, "--out", place)
        assert code == 2
        assert f"--out {place}" in " ".join(err.split())
    assert maker.filmed == []
