from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from counting import CountingCollectors, counting_requests
from factories import content
from listening import Listener

from flywheel.cluster.collecting import RayCollectors
from flywheel.cluster.session import RaySession
from flywheel.core.episode import Episode, Outcome
from flywheel.core.errors import CheckpointError
from flywheel.ports import Behaviour
from flywheel.store.episodes import DeltaEpisodes
from flywheel.store.objects import open_objects
from flywheel.store.policies import ObjectPolicies

DEMONSTRATOR = Behaviour(policy_id=None, sampled=False)


class Rig:
    """Two collectors with two environments each, on a store of their own."""

    def __init__(self, folder: Path) -> None:
        objects = open_objects(str(folder / "store"))
        self.episodes, self.policies = DeltaEpisodes(objects=objects), ObjectPolicies(objects=objects)
        self.folder = folder
        self.opened: list[RayCollectors] = []

    def collectors(self, fates: Mapping[int, str], *, episode_timeout_s: float = 60.0) -> RayCollectors:
        make = CountingCollectors(
            episodes=self.episodes, policies=self.policies, folder=self.folder, num_environments=2, fates=fates
        )
        self.opened.append(
            RayCollectors(
                collector=make,
                episodes=self.episodes,
                num_collectors=2,
                num_environments=2,
                episode_timeout_s=episode_timeout_s,
            )
        )
        return self.opened[-1]

    def made(self, fates: Mapping[int, str], *, episode_timeout_s: float = 60.0) -> tuple[list[Episode], Listener]:
        """Ten episodes, as the table holds them."""
        listener, requests = Listener(), counting_requests(10)
        collectors = self.collectors(fates, episode_timeout_s=episode_timeout_s)
        parts, summaries = collectors.collect(requests, DEMONSTRATOR, listener)
        assert [some.episode_id for some in summaries] == [request.episode_id for request in requests]
        assert sum(part.num_rows for part in parts) == 10
        assert listener.reports[-1][:2] == (10, 10)
        return list(self.episodes.read(version=self.episodes.commit(parts, transaction=repr(fates)))), listener


@pytest.fixture
def rig(ray_session: RaySession, tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    for collectors in rig.opened:
        collectors.close()


def test_a_collector_killed_mid_way_loses_and_duplicates_nothing(rig: Rig, tmp_path: Path):
    struck, listener = rig.made({4: "die once"})
    undisturbed, silent = Rig(tmp_path / "undisturbed").made({})
    assert [content(episode) for episode in struck] == [content(episode) for episode in undisturbed]
    assert len(listener.events) == 1
    assert "collector 0 died" in listener.events[0]
    assert silent.events == []


def test_an_episode_that_kills_its_collector_twice_becomes_one_error(rig: Rig):
    episodes, listener = rig.made({3: "die"})
    assert {episode.seed: episode.outcome for episode in episodes} == {
        seed: Outcome.ERROR if seed == 3 else (Outcome.FAILURE if seed % 2 else Outcome.SUCCESS) for seed in range(10)
    }
    assert "its collector died" in str(episodes[3].error)
    assert any("failed" in event and episodes[3].episode_id in event for event in listener.events)


def test_a_hanging_environment_becomes_one_error(rig: Rig):
    episodes, _ = rig.made({6: "hang"}, episode_timeout_s=4.0)
    assert [episode.seed for episode in episodes if episode.outcome is Outcome.ERROR] == [6]
    assert "yielded nothing for 4 s" in str(episodes[6].error)


def test_an_environment_that_raises_costs_its_own_episode_only(rig: Rig):
    episodes, listener = rig.made({5: "raise"})
    assert [episode.seed for episode in episodes if episode.outcome is Outcome.ERROR] == [5]
    assert listener.events == [f"episode {episodes[5].episode_id} failed: ValueError: the count is off"]


def test_a_missing_policy_is_told_as_what_it_is_and_the_collectors_go_on(rig: Rig):
    collectors = rig.collectors({})
    with pytest.raises(CheckpointError, match="missing-policy"):
        collectors.collect(counting_requests(2), Behaviour(policy_id="missing-policy", sampled=True), Listener())
    parts, summaries = collectors.collect(counting_requests(2), DEMONSTRATOR, Listener())
    assert len(parts) == len(summaries) == 2
