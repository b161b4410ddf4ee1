import subprocess
import sys
from pathlib import Path

import pytest
from counting import CountingCollectors, counting_requests, decide_fates
from factories import random_episode
from odd_store import OddStore

from flywheel.core.behaviour import Behaviour
from flywheel.ports import Notice, Part, Spooled
from flywheel.store.episodes import DeltaEpisodes
from flywheel.store.objects import open_objects
from flywheel.store.retries import Patience
from flywheel.store.spool import SPOOL_PATIENCE, SpooledParts

IMPATIENT = Patience(deadline_s=0.0)
DEMONSTRATOR = Behaviour(sampled=False)


@pytest.fixture
def odd():
    with OddStore() as server:
        yield server


def spooled(server, folder, *, max_bytes=1_000_000) -> SpooledParts:
    episodes = DeltaEpisodes(objects=server.objects(patience=IMPATIENT))
    return SpooledParts(episodes=episodes, folder=folder, max_bytes=max_bytes)


def add(writer: SpooledParts, *numbers: int) -> None:
    writer.add([random_episode(number) for number in numbers], work_s=float(len(numbers)))


def parts_of(news) -> list[int]:
    """How many episodes each has."""
    return [some.num_rows for some in news if isinstance(some, Part)]


def told(news) -> str:
    return "\n".join(some.message for some in news if isinstance(some, Notice))


def drained(writer: SpooledParts) -> list[Part | Notice]:
    news = []
    while writer.num_waiting:
        news += writer.wait()
    return news


def kept(folder) -> list[int]:
    """Sizes of what lies in the spool."""
    return sorted(path.stat().st_size for path in folder.rglob("*.parquet"))


def test_while_the_store_is_there_a_part_is_written_at_once(odd, tmp_path):
    writer = spooled(odd, tmp_path / "spool")
    add(writer, 1, 2)
    (part,) = writer.poll()
    assert (part.num_rows, part.work_s, writer.num_waiting) == (2, 2.0, 0)
    assert list(odd.stored) == [f"/bucket/episodes/{part.path}"]
    assert not (tmp_path / "spool").exists()


def test_what_waits_is_written_in_order_when_the_store_is_back(odd, tmp_path):
    writer = spooled(odd, tmp_path)
    odd.away = True
    for numbers in ((1,), (2, 3), (4, 5, 6)):
        add(writer, *numbers)
    first = writer.poll()
    assert parts_of(first) == []
    assert "the store answers 503" in told(first)
    assert f"episodes wait in {tmp_path}" in told(first)
    assert writer.num_waiting == len(kept(tmp_path)) == 3
    assert first[-1].spooled == Spooled(num_parts=3, num_bytes=sum(kept(tmp_path)))
    assert writer.wait() == [Notice()]
    odd.away = False
    news = drained(writer)
    assert parts_of(news) == [1, 2, 3]
    assert "the store is back: 3 part(s) that waited are written" in told(news)
    assert (kept(tmp_path), len(odd.stored)) == ([], 3)
    assert [some.spooled for some in news if isinstance(some, Notice) and some.spooled][-1] == Spooled()
    add(writer, 7)
    assert parts_of(writer.poll()) == [1]


def test_a_full_spool_keeps_its_bound_and_the_part_that_has_no_room(odd, tmp_path):
    odd.away = True
    unbounded = spooled(odd, tmp_path / "measured")
    add(unbounded, 1)
    (num_bytes,) = kept(tmp_path / "measured")
    writer = spooled(odd, tmp_path / "spool", max_bytes=2 * num_bytes + 500)
    for number in (1, 2):
        add(writer, number)
        assert not writer.is_full
    add(writer, 3)
    assert writer.is_full
    assert sum(kept(tmp_path / "spool")) <= 2 * num_bytes + 500
    news = writer.poll()
    assert "has no room for another part\ncollecting pauses until the store is back" in told(news)
    assert (news[-1].spooled.num_parts, news[-1].spooled.is_full) == (3, True)
    odd.away = False
    assert parts_of(drained(writer)) == [1, 1, 1]
    assert not writer.is_full


def test_without_room_for_anything_it_pauses_at_once(odd, tmp_path):
    odd.away = True
    writer = spooled(odd, tmp_path / "spool", max_bytes=0)
    add(writer, 1)
    assert writer.is_full
    assert not (tmp_path / "spool").exists()


LIMITED = """
import resource, sys
from pathlib import Path
from factories import random_episode
from odd_store import OddStore
from flywheel.ports import Part
from flywheel.store.episodes import DeltaEpisodes
from flywheel.store.retries import Patience
from flywheel.store.spool import SpooledParts
with OddStore() as server:
    episodes = DeltaEpisodes(objects=server.objects(patience=Patience(deadline_s=0.0)))
    writer = SpooledParts(episodes=episodes, folder=Path(sys.argv[1]), max_bytes=1_000_000)
    server.away = True
    writer.add([random_episode(1)], work_s=0.0)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
    writer.add([random_episode(2)], work_s=0.0)
    print(writer.is_full, *[notice.message for notice in writer.poll()], sep="\\n")
    server.away = False
    parts = []
    while writer.num_waiting:
        parts += [some for some in writer.wait() if isinstance(some, Part)]
    print([part.num_rows for part in parts], len(server.stored))
"""


def test_a_full_disk_pauses_and_loses_nothing(tmp_path):
    command = [sys.executable, "-c", LIMITED, tmp_path]
    output = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parent).stdout
    assert "cannot be written to: File too large\ncollecting pauses" in output
    assert output.startswith("True")
    assert output.endswith("[1, 1] 2\n")
    assert kept(tmp_path) == []


def test_what_a_broken_off_collection_left_is_discarded(odd, tmp_path):
    writer = spooled(odd, tmp_path)
    odd.away = True
    add(writer, 1)
    writer.discard()
    assert (writer.num_waiting, writer.poll(), kept(tmp_path)) == (0, [], [])


def test_a_collector_goes_on_while_the_server_is_gone_and_everything_is_there_once(
    fragile_seaweed, fragile_store, tmp_path
):
    episodes = DeltaEpisodes(objects=open_objects(fragile_store))
    writer = SpooledParts(
        episodes=DeltaEpisodes(objects=open_objects(fragile_store, patience=SPOOL_PATIENCE)),
        folder=tmp_path / "spool",
        max_bytes=1_000_000,
    )
    make = CountingCollectors(writer=writer, policies=None, folder=tmp_path, num_environments=4)
    decide_fates(tmp_path, {})
    requests = counting_requests(150)
    made = make().collect(requests, DEMONSTRATOR)
    summaries, parts = [next(made)], []
    fragile_seaweed.kill()
    for some in made:
        (parts if isinstance(some, Part) else summaries).append(some)
        if some == Notice():
            # Every episode is done, and nothing but the store is waited for.
            assert len([one for one in summaries if not isinstance(one, Notice)]) == 150
            assert (parts, writer.num_waiting) == ([], 3)
            fragile_seaweed.start()
    assert [part.num_rows for part in parts] == [64, 64, 22]
    episodes.commit(parts, transaction="a")
    assert [one.episode_id for one in episodes.summaries()] == sorted(one.episode_id for one in requests)
