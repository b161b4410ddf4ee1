import numpy as np
import pytest

from flywheel.core.errors import ConfigError
from flywheel.core.task import Recorded, Within
from flywheel.environments import suites

ogbench = suites._module("ogbench")
ogbench_expert = suites._module("ogbench_expert")


@pytest.fixture(scope="module")
def cube():
    environment = ogbench.OgbenchEnvironment(name="cube-single", max_decisions=100)
    yield environment
    environment.close()


def test_the_oracle_succeeds_and_the_rule_agrees_at_every_step(cube):
    expert = ogbench_expert.OgbenchExpert("cube-single")
    rule = cube.task.rule
    assert rule == Within(point="target_block", target="target", radius_m=0.04)
    observation = cube.reset(0)
    for _ in range(cube.max_decisions):
        transition = cube.step(np.clip(expert.act(observation), -1, 1))
        observation = transition.observation
        distance = np.linalg.norm(transition.facts["target_block"] - transition.facts["target"], axis=-1)
        assert bool(distance[0] <= 0.04) == transition.success == transition.terminated
        if transition.terminated:
            break
    assert transition.success


def test_the_same_seed_and_actions_give_bit_equal_episodes_whatever_ran_before(cube):
    actions = np.random.default_rng(0).uniform(-1, 1, (8, 5)).astype(np.float32)

    def play(seed):
        rows = [np.concatenate(list(cube.reset(seed).values()))]
        state = cube.initial_state()
        rows += [np.concatenate(list(cube.step(action).observation.values())) for action in actions]
        return state, np.stack(rows)

    first_state, first = play(1)
    other_state, other = play(2)
    again_state, again = play(1)
    assert first_state == again_state != other_state
    np.testing.assert_array_equal(first, again)
    assert (first[0] != other[0]).any()


def test_angles_are_seen_as_cosine_and_sine(cube):
    observation = cube.reset(5)
    for part in ("effector_yaw", "block_0_yaw", "target_block_yaw"):
        assert np.linalg.norm(observation[part]) == pytest.approx(1.0, abs=1e-6)
    assert {name: len(values) for name, values in observation.items()} == {
        name: modality.width for name, modality in cube.body.modalities.items()
    }


def test_a_scene_shows_only_its_target_and_leaves_no_trace_of_the_one_before():
    environment = ogbench.OgbenchEnvironment(name="scene", max_decisions=100)
    assert isinstance(environment.task.rule, Recorded)
    seen = {}
    states = []
    for seed in (*range(8), 0):
        observation = environment.reset(seed)
        states.append(environment.initial_state())
        target = ogbench.TARGETS[int(observation["target_task"].argmax())]
        assert bool(observation["target_drawer_handle_pos"].any()) == (target == "drawer")
        assert bool(observation["target_button"].any()) == (target == "button")
        seen.setdefault(seed, []).append(np.concatenate(list(observation.values())))
    np.testing.assert_array_equal(*seen[0])
    assert states[0] == states[-1]
    assert len(set(states)) == 8
    environment.close()


def test_an_unknown_task_is_refused():
    with pytest.raises(ConfigError, match="cube-sinlge"):
        ogbench.OgbenchEnvironment(name="cube-sinlge", max_decisions=5)
