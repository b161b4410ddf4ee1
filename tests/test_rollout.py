from dataclasses import dataclass, field

import numpy as np
import pytest

from flywheel.core.contract import Body, Modality
from flywheel.core.environment import EnvironmentPool, Transition
from flywheel.core.episode import EpisodeRequest, Outcome, Source
from flywheel.core.rollout import failed_episode, run_episodes
from flywheel.core.task import Recorded, Task

BODY = Body(modalities={"x": Modality(width=1)}, differences={}, action_size=1, decision_s=0.5)


@dataclass
class Walk:
    """A point on a line, starting at the seed / 10; success at 1, falling off at -1. Misbehaves as told, by seed."""

    task: Task
    body: Body = BODY
    max_decisions: int = 4
    scored: bool = True
    in_reset: dict = field(default_factory=dict)
    in_step: dict = field(default_factory=dict)
    closed: int = 0

    def reset(self, seed):
        self.seed, self.num_steps = seed, 0
        self.x = np.array([seed / 10])
        self.in_reset.get(seed, lambda walk: None)(self)
        return {"x": self.x, "unused": np.full(3, np.nan)}

    def initial_state(self):
        return f"walk {self.seed}"

    def step(self, action):
        self.num_steps += 1
        self.x += action
        action[:] = 99.0
        made = Transition(
            observation={"x": self.x},
            reward=float(self.x[0]),
            success=bool(self.x[0] >= 1) if self.scored else None,
            terminated=bool(self.x[0] <= -1),
            facts={"place": np.stack([self.x, self.x])},
        )
        return self.in_step.get(self.seed, lambda walk, made: made)(self, made)

    def close(self):
        self.closed += 1


class Drift:
    """Moves by 0.4 plus noise that comes from the episode's own seed."""

    version = "p0001"

    def __init__(self, *, drift=0.4, noise=0.0):
        self.drift, self.noise, self.draws = drift, noise, {}

    def begin(self, slot, request):
        self.draws[slot] = np.random.default_rng(request.seed)

    def act(self, slots, observations, tasks):
        return [np.array([self.drift + self.noise * self.draws[slot].normal()], np.float32) for slot in slots]


class World:
    """Makes walks and remembers them."""

    def __init__(self, kind=Walk, **settings):
        self.kind, self.settings, self.made = kind, settings, []

    def __call__(self, task):
        rule = Task(name=task, scene="line", instruction="walk", rule=Recorded())
        self.made.append(self.kind(task=rule, **self.settings))
        return self.made[-1]


def requests(seeds, *, task="walk/right"):
    return [
        EpisodeRequest(task=task, seed=seed, iteration=1, source=Source.COLLECTION, policy_id="p0001") for seed in seeds
    ]


def run(asked, world, *, policy=None, num_environments=2):
    environments = EnvironmentPool(make=world, capacity=num_environments)
    episodes = run_episodes(
        asked, environments=environments, policy=policy or Drift(), num_environments=num_environments
    )
    return {episode.seed: episode for episode in episodes}


def fails(*_):
    raise RuntimeError("the simulator broke")


def late(change):
    """Misbehaves at the second step only."""
    return lambda walk, made: change(walk, made) if walk.num_steps == 2 else made


def with_observation(**values):
    return lambda walk, made: Transition(**(vars(made) | {"observation": values}))


def with_fields(**values):
    return lambda walk, made: Transition(**(vars(made) | values))


def test_an_episode_tells_all_that_happened():
    episode = run(requests([3]), World())[3]
    # From 0.3 by 0.4 each time; 1.1 is a success, after which it goes on to its fourth decision.
    assert episode.observations["x"][:, 0] == pytest.approx([0.3, 0.7, 1.1, 1.5, 1.9])
    assert episode.actions[:, 0] == pytest.approx([0.4] * 4)
    assert episode.rewards == pytest.approx([0.7, 1.1, 1.5, 1.9])
    assert episode.successes.tolist() == [False, True, True, True]
    assert episode.facts["place"][:, :, 0] == pytest.approx(np.array([[x, x] for x in (0.7, 1.1, 1.5, 1.9)]))
    assert (episode.terminated, episode.truncated, episode.error) == (False, True, None)
    assert (episode.episode_id, episode.scene) == ("0001-collection-p0001-walk.right-3", "line")
    assert (episode.behaviour_policy, episode.initial_state, episode.decision_s) == ("p0001", "walk 3", 0.5)


def test_only_the_bodys_modalities_are_kept():
    assert run(requests([3]), World())[3].observations.keys() == {"x"}


def test_an_environment_that_ends_the_episode_terminates_it():
    episode = run(requests([0]), World(), policy=Drift(drift=-0.6))[0]
    assert (episode.num_decisions, episode.terminated, episode.truncated) == (2, True, False)


def test_ending_at_the_last_decision_is_termination():
    episode = run(requests([0]), World(max_decisions=2), policy=Drift(drift=-0.6))[0]
    assert (episode.num_decisions, episode.terminated, episode.truncated) == (2, True, False)


def test_an_environment_that_does_not_score_makes_unscored_episodes():
    assert run(requests([3]), World(scored=False))[3].outcome is Outcome.UNSCORED


@pytest.mark.parametrize("num_environments", [1, 2, 3, 7, 20])
def test_the_number_of_environments_changes_no_episode(num_environments):
    policy = Drift(drift=-0.4, noise=0.3)
    alone = {seed: run(requests([seed]), World(), policy=policy)[seed] for seed in range(8)}
    together = run(requests(range(8)), World(), policy=policy, num_environments=num_environments)
    assert together.keys() == alone.keys()
    assert {episode.num_decisions for episode in alone.values()} > {4}
    for seed, episode in alone.items():
        for array in ("actions", "rewards", "successes"):
            assert np.array_equal(getattr(together[seed], array), getattr(episode, array)), array
        assert np.array_equal(together[seed].observations["x"], episode.observations["x"])
        assert together[seed].terminated == episode.terminated


def test_every_request_makes_one_episode_of_its_task():
    asked = requests(range(5), task="walk/right") + requests(range(5, 9), task="walk/left")
    world = World()
    environments = EnvironmentPool(make=world, capacity=3)
    episodes = list(run_episodes(asked, environments=environments, policy=Drift(), num_environments=3))
    assert sorted((episode.task, episode.seed) for episode in episodes) == sorted(
        (request.task, request.seed) for request in asked
    )
    assert len(world.made) <= 3 * 2


def test_no_more_environments_are_made_than_episodes_asked_for():
    world = World()
    assert len(run(requests([1]), world, num_environments=50)) == 1
    assert len(world.made) == 1
    assert run([], World()) == {}


def test_an_error_in_reset_is_that_episodes_alone():
    world = World(in_reset={1: fails})
    episodes = run(requests(range(4)), world)
    assert {seed: episode.outcome is Outcome.ERROR for seed, episode in episodes.items()} == {
        0: False, 1: True, 2: False, 3: False,
    }  # fmt: skip
    assert episodes[1].error == "RuntimeError: the simulator broke"
    assert (episodes[1].num_decisions, dict(episodes[1].observations)) == (0, {})


def test_an_error_in_a_step_keeps_what_came_before():
    episodes = run(requests(range(4)), World(in_step={1: late(fails)}))
    broken = episodes[1]
    assert (broken.outcome, broken.error) == (Outcome.ERROR, "RuntimeError: the simulator broke")
    assert broken.observations["x"][:, 0] == pytest.approx([0.1, 0.5])
    assert broken.actions[:, 0] == pytest.approx([0.4])
    assert not broken.terminated
    assert not broken.truncated
    assert all(episodes[seed].error is None for seed in (0, 2, 3))


@pytest.mark.parametrize(
    ("misbehaviour", "reason"),
    [
        (with_observation(x=np.array([np.nan])), "observation x holds NaN or infinite values"),
        (with_observation(x=np.array([1e300])), "observation x holds NaN or infinite values"),
        (with_observation(x=np.zeros(2)), "observation x has shape [2], not [1]"),
        (with_observation(y=np.zeros(1)), "observation lacks x"),
        (with_fields(reward=float("inf")), "reward inf"),
        (with_fields(facts={"place": np.zeros((3, 1))}), "fact place has shape [3, 1], not [2, 1]"),
        (with_fields(facts={"place": np.full((2, 1), np.nan)}), "fact place holds NaN or infinite values"),
        (with_fields(facts={}), "facts are none, were place"),
    ],
)
def test_nonsense_from_an_environment_ends_the_episode_with_its_reason(misbehaviour, reason):
    episodes = run(requests(range(3)), World(in_step={1: late(misbehaviour)}))
    assert episodes[1].error == f"EnvironmentFailure: {reason}"
    assert episodes[1].num_decisions == 1
    assert [episodes[seed].error for seed in (0, 2)] == [None, None]


def test_nonsense_from_reset_is_an_error_too():
    def spoil(walk):
        walk.x = np.array([np.nan])

    assert "observation x holds NaN" in run(requests([0, 1]), World(in_reset={1: spoil}))[1].error


def test_a_broken_environment_is_closed_and_replaced():
    world = World(in_step={1: late(fails)})
    episodes = run(requests(range(3)), world, num_environments=1)
    assert len(world.made) == 2
    assert [walk.closed for walk in world.made] == [1, 0]
    assert [episodes[seed].num_decisions for seed in range(3)] == [4, 1, 4]


def test_an_environment_that_cannot_even_be_closed_stops_nobody():
    class Stuck(Walk):
        def close(self):
            fails()

    episodes = run(requests(range(3)), World(Stuck, in_step={1: late(fails)}))
    assert [episodes[seed].outcome for seed in range(3)] == [Outcome.SUCCESS, Outcome.ERROR, Outcome.SUCCESS]


def test_the_next_episodes_find_the_environments_of_the_last_ones():
    world = World()
    environments = EnvironmentPool(make=world, capacity=3)
    for seeds in (range(5), range(5, 8)):
        assert len(list(run_episodes(requests(seeds), environments=environments, policy=Drift(), num_environments=3)))
    assert len(world.made) == 3


def test_the_pool_has_all_environments_back_when_the_caller_stops_early():
    world = World()
    environments = EnvironmentPool(make=world, capacity=3)
    episodes = run_episodes(requests(range(5)), environments=environments, policy=Drift(), num_environments=3)
    next(episodes)
    episodes.close()
    environments.close()
    assert [walk.closed for walk in world.made] == [1, 1, 1]


def test_the_pool_has_all_environments_back_when_the_policy_fails():
    class Broken(Drift):
        def act(self, slots, observations, tasks):
            raise ValueError("no weights")

    world = World()
    environments = EnvironmentPool(make=world, capacity=3)
    with pytest.raises(ValueError, match="no weights"):
        list(run_episodes(requests(range(5)), environments=environments, policy=Broken(), num_environments=3))
    environments.close()
    assert [walk.closed for walk in world.made] == [1, 1, 1]


def test_an_episode_that_refuses_itself_is_recorded_as_an_error():
    # The policy acts with NaN, and the environment does not mind.
    class Careless(Walk):
        def step(self, action):
            return super().step(np.nan_to_num(action))

    episode = run(requests([2]), World(Careless), policy=Drift(drift=np.nan))[2]
    assert episode.outcome is Outcome.ERROR
    assert "actions: holds NaN or infinite values" in episode.error


def test_a_failed_episode_holds_nothing_but_who_and_why():
    request = requests([5])[0]
    episode = failed_episode(request, scene="line", behaviour_policy="p0001", error="the collector hung")
    assert (episode.episode_id, episode.outcome, episode.error) == (
        request.episode_id,
        Outcome.ERROR,
        "the collector hung",
    )
    assert (episode.num_decisions, episode.terminated, episode.truncated) == (0, False, False)
