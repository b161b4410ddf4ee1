from collections import Counter
from dataclasses import dataclass, fields, replace

import numpy as np
import pytest
from builders import make_episode
from factories import policy_version
from fakes import DirectWriter, MemoryEpisodes, MemoryPolicies
from networks import CONTRACT, REACH, SIZES, TURN, make_network

from flywheel.core.behaviour import Behaviour
from flywheel.core.environment import Transition
from flywheel.core.episode import EpisodeRequest, EpisodeSummary, Outcome, Source
from flywheel.core.errors import CheckpointError
from flywheel.core.task import Recorded, Task
from flywheel.learning import codec
from flywheel.ports import Part
from flywheel.workers.collecting import EPISODES_PER_PART, Collector, summary

BODIES = {"suite/reach": REACH, "suite/turn": TURN}


@dataclass
class Still:
    """Shows its seed and how far it is; an odd seed succeeds at the second decision, seed 13 breaks there."""

    name: str
    max_decisions: int = 3

    def __post_init__(self):
        self.body = BODIES[self.name]
        self.task = Task(name=self.name, scene="table", instruction="", rule=Recorded())

    def reset(self, seed):
        self.seed, self.done = seed, 0
        return self._observation()

    def initial_state(self):
        return f"state {self.seed}"

    def step(self, action):
        assert action.shape == (self.body.action_size,)
        self.done += 1
        if self.seed == 13 and self.done == 2:
            raise RuntimeError("it broke")
        success = self.seed % 2 == 1 and self.done == 2
        return Transition(
            observation=self._observation(), reward=float(success), success=success, terminated=success, facts={}
        )

    def close(self):
        pass

    def _observation(self):
        return {
            name: np.full(some.width, (self.seed % 10 + self.done) / 10, np.float32)
            for name, some in self.body.modalities.items()
        }


class Demonstrator:
    version = "demonstrator"

    def begin(self, slot, request):
        pass

    def act(self, slots, observations, tasks):
        return [np.full(BODIES[task].action_size, 0.25, np.float32) for task in tasks]


DEMONSTRATOR = Behaviour(sampled=True)


@pytest.fixture
def episodes():
    return MemoryEpisodes()


@pytest.fixture
def policies():
    made = MemoryPolicies()
    network = make_network()
    files = {
        codec.WEIGHTS: codec.tensors_to_bytes(network.state_dict()),
        codec.ARCHITECTURE: codec.architecture_to_bytes(CONTRACT, SIZES),
    }
    made.save(policy_version("p0003"), files)
    made.save(policy_version("p0004"), {**files, codec.WEIGHTS: files[codec.WEIGHTS][:-1]})
    return made


def collect(requests, behaviour, *, episodes, policies, num_environments=8):
    collector = Collector(
        environment=Still,
        demonstrator=Demonstrator,
        policies=policies,
        writer=DirectWriter(episodes),
        num_environments=num_environments,
    )
    return collector.collect(requests, behaviour)


def requests(count, *, task="suite/reach", policy_id=None, first=20):
    return [
        EpisodeRequest(task=task, seed=first + i, iteration=2, source=Source.COLLECTION, policy_id=policy_id)
        for i in range(count)
    ]


def stored(episodes, made):
    version = episodes.commit([some for some in made if isinstance(some, Part)], transaction="t")
    return {episode.episode_id: episode for episode in episodes.read(version=version)}


@pytest.mark.parametrize(
    ("count", "parts"), [(0, []), (1, [1]), (EPISODES_PER_PART, [EPISODES_PER_PART]), (150, [64, 64, 22])]
)
def test_a_part_follows_the_summaries_of_exactly_the_episodes_in_it(episodes, policies, count, parts):
    made = list(collect(requests(count), DEMONSTRATOR, episodes=episodes, policies=policies))
    by_hand = [kind for rows in parts for kind in [EpisodeSummary] * rows + [Part]]
    assert [type(some) for some in made] == by_hand
    assert [some.num_rows for some in made if isinstance(some, Part)] == parts
    since = []
    for some in made:
        if isinstance(some, Part):
            # Writing is by content: the same episodes are the same part.
            everything = MemoryEpisodes()
            again = list(collect(since, DEMONSTRATOR, episodes=everything, policies=policies, num_environments=3))
            assert again[-1].path == some.path
            since = []
        else:
            since.append(EpisodeRequest(task=some.task, seed=some.seed, iteration=some.iteration, source=some.source))


def test_nothing_is_visible_before_the_parts_are_committed(episodes, policies):
    made = list(collect(requests(3), DEMONSTRATOR, episodes=episodes, policies=policies))
    assert episodes.summaries() == []
    assert len(stored(episodes, made)) == 3


def test_every_request_is_answered_once_with_a_summary_that_tells_the_stored_episode(episodes, policies):
    asked = requests(70) + requests(5, task="suite/turn")
    made = list(collect(asked, DEMONSTRATOR, episodes=episodes, policies=policies))
    summaries = [some for some in made if isinstance(some, EpisodeSummary)]
    assert Counter(some.episode_id for some in summaries) == Counter(request.episode_id for request in asked)
    by_id = stored(episodes, made)
    for some in summaries:
        assert some == summary(by_id[some.episode_id])
        assert some.outcome is (Outcome.SUCCESS if some.seed % 2 else Outcome.FAILURE)
        assert some.num_decisions == (2 if some.seed % 2 else 3)
        assert some.behaviour_policy == "demonstrator"


def test_an_episode_that_crashes_is_summarised_and_stored_with_its_error(episodes, policies):
    made = list(collect(requests(3, first=12), DEMONSTRATOR, episodes=episodes, policies=policies))
    errors = {some.seed: some.error for some in made if isinstance(some, EpisodeSummary)}
    assert errors == {12: None, 13: "RuntimeError: it broke", 14: None}
    outcomes = {episode.seed: episode.outcome for episode in stored(episodes, made).values()}
    assert outcomes[13] is Outcome.ERROR


def test_the_asked_for_policy_version_acts(episodes, policies):
    asked = requests(3, policy_id="p0003") + requests(3, policy_id="p0003", task="suite/turn")
    made = list(collect(asked, Behaviour(sampled=True), episodes=episodes, policies=policies))
    by_id = stored(episodes, made)
    assert {episode.behaviour_policy for episode in by_id.values()} == {"p0003"}
    assert len(np.unique(np.concatenate([episode.actions[:, 0] for episode in by_id.values()]))) > 1
    bins = make_network().action_values.numpy()
    assert all(np.isin(episode.actions, bins).all() for episode in by_id.values())


def test_one_policy_after_the_other_acts_as_they_are_asked_for(episodes, policies):
    asked = [request for who in ("p0003", None) for request in requests(3, policy_id=who)]
    made = list(collect(asked, Behaviour(sampled=True), episodes=episodes, policies=policies))
    acted = [some.behaviour_policy for some in made if isinstance(some, EpisodeSummary)]
    assert acted == ["p0003"] * 3 + ["demonstrator"] * 3
    by_id = stored(episodes, made)
    assert {episode.actions[0, 0] for episode in by_id.values() if episode.behaviour_policy == "demonstrator"} == {0.25}
    # Both met the same initial states.
    assert len({episode.seed for episode in by_id.values()}) == 3


@pytest.mark.parametrize("sampled", [True, False])
def test_the_same_requests_make_the_same_episodes_however_many_run_together(policies, sampled):
    behaviour = Behaviour(sampled=sampled, random_actions=0.3)
    made = [
        list(collect(requests(9, policy_id="p0003"), behaviour, episodes=table, policies=policies, num_environments=n))
        for table, n in ((MemoryEpisodes(), 1), (MemoryEpisodes(), 9))
    ]
    assert made[0][-1].path == made[1][-1].path


def test_random_actions_and_sampling_are_as_the_behaviour_says(policies):
    def actions(behaviour):
        table = MemoryEpisodes()
        made = list(collect(requests(9, policy_id="p0003"), behaviour, episodes=table, policies=policies))
        return np.concatenate([episode.actions for episode in stored(table, made).values()])

    plain = Behaviour(sampled=False)
    bins = make_network().action_values.numpy()
    assert np.isin(actions(plain), bins).all()
    assert not np.isin(actions(replace(plain, random_actions=1.0)), bins).any()
    assert actions(replace(plain, sampled=True)).tolist() != actions(plain).tolist()


def test_a_damaged_policy_version_is_named_before_anything_runs(episodes, policies):
    behaviour = Behaviour(sampled=True)
    with pytest.raises(CheckpointError, match="policy p0004: not readable as safetensors"):
        next(collect(requests(1, policy_id="p0004"), behaviour, episodes=episodes, policies=policies))


def test_a_part_says_how_long_its_episodes_took(episodes, policies):
    *_, part = collect(requests(2), DEMONSTRATOR, episodes=episodes, policies=policies)
    assert part.work_s > 0


def test_a_summary_is_the_episode_without_its_arrays():
    episode = make_episode(successes=np.array([False, True, True]))
    made = summary(episode)
    assert all(getattr(made, field.name) == getattr(episode, field.name) for field in fields(made))
    # Success after the second decision of half a second.
    assert made.time_to_success_s == 1.0
