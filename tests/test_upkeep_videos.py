from datetime import UTC, datetime, timedelta

import pytest
from builders import make_episode
from stored import flip, newest_file

from flywheel.store.videos import ObjectVideos
from flywheel.upkeep.finding import Kind
from flywheel.upkeep.garbage import collect_garbage, plan_garbage
from flywheel.upkeep.retention import leave_out
from flywheel.upkeep.verify import verify
from flywheel.upkeep.videos import videos

LATER = timedelta(hours=1)


@pytest.fixture
def shown(store) -> str:
    """The id of an episode that has a video."""
    episode_id = store.episodes.summaries()[0].episode_id
    ObjectVideos(objects=store.objects).save(episode_id, b"a video")
    return episode_id


def garbage(store, *, video_age=None):
    plan = plan_garbage(
        store, rollback_versions=0, grace=timedelta(0), now=datetime.now(UTC) + LATER, video_age=video_age
    )
    return plan, [some.entry.key for some in plan.garbage if some.area == "videos"]


def test_a_video_of_an_episode_that_is_there_is_known_and_stays(store, shown):
    assert list(videos(store)) == [shown]
    found = verify(store)
    assert found.counts["videos"] == 1
    assert found.findings == ()
    assert garbage(store)[1] == []


def test_a_video_of_an_episode_that_is_nowhere_is_left_over_and_goes(store, shown):
    ObjectVideos(objects=store.objects).save("nobody", b"a video")
    (finding,) = verify(store).of(Kind.LEFTOVER)
    assert (finding.area, finding.key) == ("videos", "videos/nobody.mp4")
    plan, keys = garbage(store)
    assert keys == ["videos/nobody.mp4"]
    (record,) = collect_garbage(store, plan)
    assert store.records.read(record)["deleted"] == keys
    assert list(videos(store)) == [shown]
    assert verify(store).findings == ()


def test_a_video_stays_while_a_version_that_counts_holds_its_episode(store, shown):
    leave_out(store, frozenset({shown}), reason="retention")
    assert shown not in {some.episode_id for some in store.episodes.summaries()}
    assert verify(store).findings == ()
    assert garbage(store)[1] == []


def test_old_videos_go_where_that_is_wanted(store, shown):
    assert garbage(store, video_age=LATER * 2)[1] == []
    assert garbage(store, video_age=LATER / 2)[1] == [f"videos/{shown}.mp4"]


def test_where_episodes_cannot_be_read_nothing_is_said_of_videos(store, folder):
    ObjectVideos(objects=store.objects).save(make_episode().episode_id, b"a video")
    flip(newest_file(store, "episodes", folder))
    found = verify(store)
    assert found.damaged
    assert [some for some in found.findings if some.area == "videos"] == []
