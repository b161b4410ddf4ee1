import os
import re
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from time import sleep
from typing import Any

import pytest
from counting import CountingCollectors, counting_requests, decide_fates
from factories import content
from fakes import DirectWriter
from listening import Listener

from flywheel.cluster import crew
from flywheel.cluster.collecting import RayCollectors
from flywheel.cluster.session import RaySession
from flywheel.core.behaviour import Behaviour
from flywheel.core.episode import Episode, Outcome
from flywheel.core.errors import CancelledError, CheckpointError, EnvironmentFailure, StoppedError
from flywheel.ports import Notice, Part, Spooled
from flywheel.store.episodes import DeltaEpisodes
from flywheel.store.objects import open_objects
from flywheel.store.policies import ObjectPolicies
from flywheel.workers.collecting import Collector

DEMONSTRATOR = Behaviour(sampled=False)
TIMEOUT_S = 5.0


class Rig:
    """Two collectors with two environments each, on a store of their own, for all tests."""

    def __init__(self, folder: Path) -> None:
        objects = open_objects(str(folder / "store"))
        self._folder, self._episodes = folder, DeltaEpisodes(objects=objects)
        self._iterations = count()
        make = CountingCollectors(
            writer=DirectWriter(self._episodes),
            policies=ObjectPolicies(objects=objects),
            folder=folder,
            num_environments=2,
        )
        self.collectors = RayCollectors(
            collector=make,
            episodes=self._episodes,
            num_collectors=2,
            num_environments=2,
            episode_timeout_s=TIMEOUT_S,
        )

    def made(self, fates: Mapping[int, str]) -> tuple[list[Episode], Listener]:
        """Ten episodes of a new iteration, as the table holds them, in the order of their seeds."""
        iteration, listener = next(self._iterations), Listener()
        decide_fates(self._folder, fates)
        requests = counting_requests(10, iteration=iteration)
        parts, summaries = self.collectors.collect(requests, DEMONSTRATOR, listener)
        assert [some.episode_id for some in summaries] == [request.episode_id for request in requests]
        assert listener.reports[-1][:2] == (10, 10)
        self._episodes.commit(parts, transaction=f"iteration {iteration}")
        ids = [some.episode_id for some in self._episodes.summaries(iteration=iteration)]
        assert sorted(ids) == sorted(request.episode_id for request in requests)
        return list(self._episodes.read(episode_ids=ids)), listener


@pytest.fixture(scope="module")
def rig(ray_session: RaySession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    rig = Rig(tmp_path_factory.mktemp("rig"))
    yield rig
    rig.collectors.close()


@dataclass(frozen=True, kw_only=True)
class Stillborn(CountingCollectors):
    """Its process is killed as it starts, the first times."""

    num_deaths: int

    def __call__(self) -> Collector:
        lives = len(list(self.folder.glob("life-*")))
        (self.folder / f"life-{lives}").touch()
        if lives < self.num_deaths:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__()


def stillborn(folder: Path, *, num_deaths: int) -> RayCollectors:
    objects = open_objects(str(folder / "store"))
    episodes, policies = DeltaEpisodes(objects=objects), ObjectPolicies(objects=objects)
    decide_fates(folder, {})
    return RayCollectors(
        collector=Stillborn(
            writer=DirectWriter(episodes),
            policies=policies,
            folder=folder,
            num_environments=2,
            num_deaths=num_deaths,
        ),
        episodes=episodes,
        num_collectors=1,
        num_environments=2,
        episode_timeout_s=TIMEOUT_S,
    )


def test_a_collector_that_is_killed_as_it_starts_is_started_again(ray_session: RaySession, tmp_path: Path):
    collectors = stillborn(tmp_path, num_deaths=1)
    assert len(collectors.collect(counting_requests(3), DEMONSTRATOR, Listener())[1]) == 3
    collectors.close()


def test_a_collector_that_never_starts_ends_the_run(ray_session: RaySession, tmp_path: Path):
    with pytest.raises(EnvironmentFailure, match="a collector does not start: The actor died"):
        stillborn(tmp_path, num_deaths=9).collect(counting_requests(3), DEMONSTRATOR, Listener())
    assert len(list(tmp_path.glob("life-*"))) == 3


def but_for_iteration(episodes: list[Episode]) -> list[object]:
    return [content(replace(episode, iteration=0, episode_id="")) for episode in episodes]


def test_a_collector_killed_mid_way_loses_and_duplicates_nothing(rig: Rig):
    undisturbed, silent = rig.made({})
    before = rig.collectors.counts()
    struck, listener = rig.made({4: "die once"})
    after = rig.collectors.counts()
    assert after.lost == before.lost + 1
    assert after.num_decisions >= before.num_decisions + sum(episode.num_decisions for episode in struck)
    assert but_for_iteration(struck) == but_for_iteration(undisturbed)
    assert silent.events == []
    assert re.match(r"collector \d died: .*; \d+ episodes are made again", listener.events[0])
    assert all(re.match(r"collector \d is at work, on 127.0.0.2", event) for event in listener.events[1:])


def counting(folder: Path, *, num_environments: int = 2, **settings: Any) -> tuple[RayCollectors, DeltaEpisodes]:
    """Collectors on a store of their own in the folder, and its table."""
    objects = open_objects(str(folder / "store"))
    episodes = DeltaEpisodes(objects=objects)
    make = CountingCollectors(
        writer=DirectWriter(episodes),
        policies=ObjectPolicies(objects=objects),
        folder=folder,
        num_environments=num_environments,
    )
    settings = {"episode_timeout_s": TIMEOUT_S, **settings}
    return RayCollectors(collector=make, episodes=episodes, num_environments=num_environments, **settings), episodes


def test_what_a_busy_collector_has_not_begun_is_made_by_one_that_has_nothing_to_do(
    ray_session: RaySession, tmp_path: Path
):
    collectors, _ = counting(tmp_path, num_collectors=2, num_environments=1, episode_timeout_s=60.0)
    decide_fates(tmp_path, {2: "last of 20"})  # Its collector was given every second one.
    parts, made = collectors.collect(counting_requests(20), DEMONSTRATOR, Listener())
    collectors.close()
    assert [some.seed for some in made] == list(range(20))
    assert sum(part.num_rows for part in parts) == 20


def test_collecting_goes_on_with_those_that_there_are_places_for(
    ray_session: RaySession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(crew, "PATIENCE_S", 0.0)
    collectors, _ = counting(tmp_path, num_collectors=2, num_cpus=5.0)  # of eight
    decide_fates(tmp_path, {})
    listener = Listener()
    assert len(collectors.collect(counting_requests(10), DEMONSTRATOR, listener)[1]) == 10
    assert collectors.counts().alive == 1
    collectors.close()
    assert listener.events[0] == "2 collectors have no place in Ray yet: collecting waits"
    assert re.match(r"collector \d is at work, on 127.0.0.2", listener.events[1])


def nobody() -> Collector:
    raise AssertionError("there is no place for it")


def test_where_there_is_no_place_at_all_collecting_ends_in_the_end(
    ray_session: RaySession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(crew, "START_TIMEOUT_S", 0.0)
    episodes = DeltaEpisodes(objects=open_objects(str(tmp_path)))
    collectors = RayCollectors(
        collector=nobody, episodes=episodes, num_collectors=1, num_environments=2, episode_timeout_s=1, num_cpus=99
    )
    with pytest.raises(EnvironmentFailure, match="has Ray a free CPU on a node whose label flywheel-role is rollout"):
        collectors.collect(counting_requests(1), DEMONSTRATOR, Listener())


def test_an_episode_that_kills_its_collector_twice_becomes_one_error(rig: Rig):
    episodes, listener = rig.made({3: "die"})
    assert {episode.seed: episode.outcome for episode in episodes} == {
        seed: Outcome.ERROR if seed == 3 else (Outcome.FAILURE if seed % 2 else Outcome.SUCCESS) for seed in range(10)
    }
    assert "its collector died" in str(episodes[3].error)
    assert any("failed" in event and episodes[3].episode_id in event for event in listener.events)


def test_a_hanging_environment_becomes_one_error(rig: Rig):
    episodes, _ = rig.made({6: "hang"})
    assert [episode.seed for episode in episodes if episode.outcome is Outcome.ERROR] == [6]
    assert "yielded nothing for 5 s" in str(episodes[6].error)


def test_an_environment_that_raises_costs_its_own_episode_only(rig: Rig):
    episodes, listener = rig.made({5: "raise"})
    assert [episode.seed for episode in episodes if episode.outcome is Outcome.ERROR] == [5]
    assert listener.events == [f"episode {episodes[5].episode_id} failed: ValueError: the count is off"]


def test_a_missing_policy_is_told_as_what_it_is_and_collecting_goes_on(rig: Rig):
    with pytest.raises(CheckpointError, match="missing-policy"):
        rig.collectors.collect(counting_requests(2, policy_id="missing-policy"), Behaviour(sampled=True), Listener())
    assert len(rig.made({})[0]) == 10


WAITING = Spooled(num_parts=1, num_bytes=7)


class SlowWriter(DirectWriter):
    """Keeps each part back for longer than a hanging collector is waited for."""

    num_waiting, _num_waits = 0, 0

    def add(self, episodes: Sequence[Episode], *, work_s: float) -> None:
        super().add(episodes, work_s=work_s)
        self.num_waiting, self._num_waits = 1, 0

    def poll(self) -> list[Part | Notice]:
        return []

    def wait(self) -> list[Part | Notice]:
        sleep(0.5)
        self._num_waits += 1
        if self._num_waits < 10:
            return [Notice(message="the store is away", spooled=WAITING)] if self._num_waits == 1 else [Notice()]
        self.num_waiting = 0
        return super().poll()


def test_a_collector_that_waits_for_the_store_is_not_taken_for_hanging(ray_session: RaySession, tmp_path: Path):
    objects = open_objects(str(tmp_path))
    episodes = DeltaEpisodes(objects=objects)
    make = CountingCollectors(
        writer=SlowWriter(episodes), policies=ObjectPolicies(objects=objects), folder=tmp_path, num_environments=2
    )
    collectors = RayCollectors(
        collector=make, episodes=episodes, num_collectors=1, num_environments=2, episode_timeout_s=4.0
    )
    decide_fates(tmp_path, {})
    listener = Listener()
    try:
        parts, summaries = collectors.collect(counting_requests(3), DEMONSTRATOR, listener)
        assert collectors.counts().spooled == (WAITING,)
    finally:
        collectors.close()
    assert (collectors.counts().alive, collectors.counts().spooled) == (0, ())
    assert ([part.num_rows for part in parts], len(summaries)) == ([3], 3)
    assert listener.events == ["collector 0: the store is away"]


def test_when_the_brake_is_pulled_what_was_finished_is_written(ray_session: RaySession, tmp_path: Path):
    listener = Listener()

    def brake() -> StoppedError | None:
        return CancelledError("enough") if listener.reports and listener.reports[-1][0] >= 3 else None

    decide_fates(tmp_path, {})
    collectors, episodes = counting(tmp_path, num_collectors=1, brake=brake)
    requests = counting_requests(400)
    parts, made = collectors.collect(requests, DEMONSTRATOR, listener)
    collectors.close()
    assert 3 <= len(made) < len(requests)
    episodes.commit(parts, transaction="kept")
    assert [some.episode_id for some in episodes.summaries()] == sorted(some.episode_id for some in made)
