import mujoco
import numpy as np
import pytest

from flywheel.config import MetaworldDemonstrations
from flywheel.core.environment import EnvironmentPool
from flywheel.core.episode import Episode, EpisodeRequest, Outcome, Source
from flywheel.core.errors import ConfigError
from flywheel.core.rollout import run_episodes
from flywheel.core.task import Recorded, Within, can_relabel, relabel
from flywheel.environments.demonstrator import Demonstrated, Demonstrator
from flywheel.environments.metaworld import MetaworldEnvironment, metaworld_task
from flywheel.environments.metaworld_expert import MetaworldExpert

TABLETOP = ("reach-v3", "push-v3", "pick-place-v3")
LIMIT = 50
CAREFUL = MetaworldDemonstrations(noise=(0.0, 0.1), random_bursts=0.0, clumsy=0.0, quitting=0.0, random=0.2)


@pytest.fixture(scope="module")
def episodes() -> list[Episode]:
    """Of each tabletop task: some that succeed, some random ones."""
    names = {f"metaworld/{name}": name for name in TABLETOP}
    policy = Demonstrator(
        {
            task: Demonstrated(
                expert=lambda name=name: MetaworldExpert(name),
                demonstrations=CAREFUL,
                action_size=4,
                max_decisions=LIMIT,
            )
            for task, name in names.items()
        }
    )
    requests = [
        EpisodeRequest(task=task, seed=seed, iteration=0, source=Source.DEMONSTRATION)
        for task in names
        for seed in range(4)
    ]
    return list(
        run_episodes(
            requests,
            environments=EnvironmentPool(
                make=lambda task: MetaworldEnvironment(name=names[task], max_decisions=LIMIT), capacity=1
            ),
            policy=policy,
            num_environments=1,
        )
    )


def test_recomputed_success_equals_what_the_environment_reported(episodes):
    for episode in episodes:
        assert episode.error is None
        label = relabel(episode, metaworld_task(episode.task.removeprefix("metaworld/")))
        assert label.success == (episode.outcome is Outcome.SUCCESS)
        assert metaworld_task(episode.task.removeprefix("metaworld/")).rule.successes(episode).tolist() == (
            episode.successes.tolist()
        )
    for name in TABLETOP:
        outcomes = {episode.outcome for episode in episodes if episode.task == f"metaworld/{name}"}
        assert outcomes == {Outcome.SUCCESS, Outcome.FAILURE}, name


def test_an_episode_ends_at_its_first_success_and_not_before(episodes):
    for episode in episodes:
        assert episode.terminated == bool(episode.successes[-1])
        assert not episode.successes[:-1].any()
        assert episode.terminated or episode.num_decisions == LIMIT


def test_a_relabelled_success_equals_the_other_environment_on_the_same_simulator_state():
    """Every ordered pair of tabletop tasks, after every environment step of an episode of the first."""
    environments = {name: MetaworldEnvironment(name=name, max_decisions=LIMIT, action_repeat=1) for name in TABLETOP}
    agreed = set()
    for own, environment in environments.items():
        expert = MetaworldExpert(own)
        observation = environment.reset(3)
        simulation = environment._simulation
        for _ in range(80):
            action = np.clip(expert.act(observation), -1, 1)
            transition = environment.step(action)
            observation = transition.observation
            for other in set(TABLETOP) - {own}:
                judge = environments[other]._simulation
                judge._target_pos = simulation._target_pos.copy()
                judge.obj_init_pos = simulation.obj_init_pos
                judge.init_tcp = simulation.init_tcp
                judge.set_state(simulation.data.qpos, simulation.data.qvel)
                _, info = judge.evaluate_state(judge._get_obs(), action)
                rule = metaworld_task(other).rule
                distance = np.linalg.norm(transition.facts[rule.point] - transition.facts[rule.target], axis=-1)
                assert bool(distance[0] <= rule.radius_m) == bool(info["success"]), (own, other)
                agreed.add((other, bool(info["success"])))
    assert agreed == {(name, success) for name in TABLETOP for success in (False, True)}


@pytest.mark.parametrize("name", ["push-v3", "box-close-v3", "door-lock-v3"])
def test_the_same_seed_and_actions_give_bit_equal_episodes_whatever_ran_before(name):
    actions = np.random.default_rng(0).uniform(-1, 1, (25, 4)).astype(np.float32)

    def play(environment, seed):
        first = environment.reset(seed)
        state = environment.initial_state()
        return state, [first, *[environment.step(action).observation for action in actions]]

    used = MetaworldEnvironment(name=name, max_decisions=50)
    other_state, _ = play(used, 8)
    used_state, used_observations = play(used, 7)
    fresh_state, fresh_observations = play(MetaworldEnvironment(name=name, max_decisions=50), 7)
    assert used_state == fresh_state != other_state
    for ours, theirs in zip(used_observations, fresh_observations, strict=True):
        assert {part: values.tobytes() for part, values in ours.items()} == {
            part: values.tobytes() for part, values in theirs.items()
        }


def test_the_goal_is_visible_and_drawn_from_the_seed():
    environment = MetaworldEnvironment(name="reach-v3", max_decisions=5)
    goals = {environment.reset(seed)["goal"].tobytes() for seed in range(8)}
    assert len(goals) == 8
    goal = environment.reset(1)["goal"]
    transition = environment.step(np.zeros(4, np.float32))
    np.testing.assert_array_equal(transition.observation["goal"], goal)
    np.testing.assert_array_equal(transition.facts["goal"], np.stack([goal, goal]))


def test_facts_have_one_row_per_environment_step():
    environment = MetaworldEnvironment(name="push-v3", max_decisions=5, action_repeat=3)
    environment.reset(0)
    transition = environment.step(np.zeros(4, np.float32))
    assert {name: values.shape for name, values in transition.facts.items()} == {
        "tool_centre": (3, 3),
        "object_position": (3, 3),
        "goal": (3, 3),
    }
    assert environment.body.decision_s == pytest.approx(3 * 0.0125)  # 5 substeps of 2.5 ms, thrice


def test_tasks_of_one_scene_share_a_body_and_can_label_one_another():
    bodies = [MetaworldEnvironment(name=name, max_decisions=5).body for name in TABLETOP]
    assert bodies[0] == bodies[1] == bodies[2]
    reach, push = metaworld_task("reach-v3"), metaworld_task("push-v3")
    assert can_relabel(reach, episode_task=push.name, episode_scene=push.scene)
    assert reach.rule == Within(point="tool_centre", target="goal", radius_m=0.05)


def test_a_task_with_two_objects_shows_both():
    environment = MetaworldEnvironment(name="hammer-v3", max_decisions=5)
    observation = environment.reset(0)
    assert set(observation) == set(environment.body.modalities)
    assert {"second_object_position", "second_object_rotation"} <= set(observation)
    assert {name: len(values) for name, values in observation.items()} == {
        name: modality.width for name, modality in environment.body.modalities.items()
    }


def test_a_task_with_its_own_notion_of_success_is_not_relabelled():
    door, drawer = metaworld_task("door-open-v3"), metaworld_task("drawer-open-v3")
    assert isinstance(door.rule, Recorded)
    assert door.scene != drawer.scene


def test_an_unknown_task_is_refused():
    with pytest.raises(ConfigError, match="reech-v3"):
        MetaworldEnvironment(name="reech-v3", max_decisions=5)


def test_a_diverged_simulation_is_an_error_and_not_an_observation():
    environment = MetaworldEnvironment(name="reach-v3", max_decisions=5)
    environment.reset(0)
    environment._simulation.data.qpos[0] = np.nan
    mujoco.set_mju_user_warning(lambda _: None)
    try:
        with pytest.raises(Exception, match="unstable"):
            environment.step(np.zeros(4, np.float32))
    finally:
        mujoco.set_mju_user_warning(None)
    assert np.isfinite(environment.reset(0)["hand"]).all()
