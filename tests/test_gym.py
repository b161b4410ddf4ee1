import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from flywheel.config import GymSuite
from flywheel.core.errors import ConfigError, EnvironmentFailure
from flywheel.environments.gym import ActionMap, environment_of
from flywheel.environments.gym_expert import expert_of


class Counting(gymnasium.Env):
    """Counts its steps, says so in a Dict, and succeeds at the fourth."""

    observation_space = spaces.Dict({"count": spaces.Box(0, 9, (1,)), "grid": spaces.Box(-1, 1, (2, 2))})
    action_space = spaces.Discrete(3, start=1)

    def __init__(self, *, ends_at=100):
        self._ends_at = ends_at

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self._count = 0
        self._grid = self.np_random.uniform(-1, 1, (2, 2)).astype(np.float32)
        return self._seen(), {}

    def step(self, action):
        self._count += 1
        return self._seen(), float(action), False, self._count >= self._ends_at, {"won": self._count == 4}

    def _seen(self):
        return {"count": np.float32([self._count]), "grid": self._grid}


class Unbounded(Counting):
    action_space = spaces.Box(-np.inf, np.inf, (2,))


gymnasium.register("Counting-v0", Counting)
gymnasium.register("Stopping-v0", Counting, kwargs={"ends_at": 2})
gymnasium.register("Unbounded-v0", Unbounded)


def make(name, **settings):
    suite = GymSuite(**{"suite": "gym", "tasks": (name,), "max_decisions": 10, **settings})
    return environment_of(suite, name, render=False)


def test_a_dict_of_boxes_becomes_one_flat_modality_each():
    environment = make("Counting-v0", success_key="won")
    observation = environment.reset(0)
    assert {name: values.shape for name, values in observation.items()} == {
        "counting_count": (1,),
        "counting_grid": (4,),
    }
    assert environment.body.action_size == 1


def test_discrete_actions_are_equal_cells_of_the_range():
    chosen = [ActionMap(spaces.Discrete(3, start=1), "x")(np.float32([a])) for a in (-1.0, -0.34, -0.33, 0.33, 0.34, 1)]
    assert chosen == [1, 1, 2, 2, 3, 3]  # cells end at -1/3 and 1/3; the first is number 1


def test_box_actions_are_scaled_to_their_bounds():
    actions = ActionMap(spaces.Box(np.float32([0, -2]), np.float32([10, 2])), "x")
    np.testing.assert_allclose(actions(np.float32([0.5, -3.0])), [7.5, -2.0])  # 0 + 0.75 * 10; cut at -1


def test_an_action_is_repeated_and_success_inside_the_repeat_counts():
    environment = make("Counting-v0", success_key="won", action_repeat=3)
    environment.reset(0)
    first = environment.step(np.float32([1.0]))
    assert (first.reward, first.success, first.terminated) == (9.0, False, False)  # 3 times action 3
    second = environment.step(np.float32([-1.0]))
    assert (second.reward, second.success, second.terminated) == (3.0, True, True)  # the fourth of six steps
    assert second.observation["counting_count"] == 6.0


def test_a_task_with_its_own_rewards_does_not_end_at_success():
    environment = make("Counting-v0", success_key="won", action_repeat=4, sparse=False)
    environment.reset(0)
    transition = environment.step(np.float32([0.0]))
    assert transition.success
    assert not transition.terminated


def test_an_environment_that_does_not_report_success_is_unscored():
    environment = make("Counting-v0", success_key="is_success")
    environment.reset(0)
    assert environment.step(np.float32([0.0])).success is None


def test_termination_can_be_the_success():
    environment = make("MountainCarContinuous-v0", success_key="terminated", action_repeat=8, max_decisions=40)
    expert = expert_of("MountainCarContinuous-v0")
    observation = environment.reset(0)
    for _ in range(environment.max_decisions):
        transition = environment.step(expert.act(observation))
        observation = transition.observation
        if transition.terminated:
            break
    assert transition.success


def test_the_same_seed_gives_the_same_initial_state():
    environment = make("Counting-v0", success_key="won")
    states = []
    for seed in (1, 2, 1):
        environment.reset(seed)
        states.append(environment.initial_state())
    assert states[0] == states[2] != states[1]


def test_an_environment_that_stops_by_itself_says_how_long_episodes_may_be():
    environment = make("Stopping-v0", success_key="won")
    environment.reset(0)
    environment.step(np.float32([0.0]))
    with pytest.raises(EnvironmentFailure, match="after 2 decisions"):
        environment.step(np.float32([0.0]))


def test_unbounded_actions_are_refused():
    with pytest.raises(ConfigError, match="unbounded"):
        make("Unbounded-v0")


def test_observations_that_are_no_vectors_are_refused():
    with pytest.raises(ConfigError, match="Discrete observations"):
        make("FrozenLake-v1")


def test_an_unknown_id_is_refused():
    with pytest.raises(ConfigError, match="Nothing-v7"):
        make("Nothing-v7")


def test_pictures_must_be_asked_for():
    with pytest.raises(ConfigError, match="render=True"):
        make("Counting-v0").frame()
