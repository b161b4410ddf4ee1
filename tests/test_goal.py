import numpy as np
import pytest

from flywheel.config import GoalSuite, NoisyDemonstrations
from flywheel.core.environment import EnvironmentPool
from flywheel.core.episode import EpisodeRequest, Outcome, Source
from flywheel.core.errors import ConfigError
from flywheel.core.rollout import run_episodes
from flywheel.core.task import Recorded, can_relabel, relabel
from flywheel.environments.goal import GoalEnvironment, goal_task
from flywheel.environments.suites import demonstrator_of, factory

FETCH = ("FetchReach-v4", "FetchPush-v4", "FetchPickAndPlace-v4")
CAREFUL = NoisyDemonstrations(noise=(0.0, 0.1), random_bursts=0.0, random=0.3)


@pytest.fixture(scope="module")
def episodes():
    suites = (GoalSuite(suite="goal", tasks=FETCH, max_decisions=40, action_repeat=1, demonstrations=CAREFUL),)
    requests = [
        EpisodeRequest(task=f"goal/{name}", seed=seed, iteration=0, source=Source.DEMONSTRATION)
        for name in FETCH
        for seed in range(5)
    ]
    made = run_episodes(
        requests,
        environments=EnvironmentPool(make=factory(suites), capacity=1),
        policy=demonstrator_of(suites),
        num_environments=1,
    )
    return list(made)


def test_recomputed_success_equals_what_the_environment_reported(episodes):
    for episode in episodes:
        assert episode.error is None
        assert relabel(episode, goal_task(episode.task.removeprefix("goal/"))).success == (
            episode.outcome is Outcome.SUCCESS
        )
        assert episode.terminated == (episode.outcome is Outcome.SUCCESS)


def test_the_scripted_experts_mostly_succeed(episodes):
    for name in FETCH:
        outcomes = [episode.outcome for episode in episodes if episode.task == f"goal/{name}"]
        assert outcomes.count(Outcome.SUCCESS) >= 2, name
    assert Outcome.FAILURE in {episode.outcome for episode in episodes}


def test_the_parts_of_the_observation_are_where_they_should_be():
    environment = GoalEnvironment(name="FetchPush-v4", max_decisions=5)
    observation = environment.reset(0)
    assert {name: len(values) for name, values in observation.items()} == {
        name: modality.width for name, modality in environment.body.modalities.items()
    }
    np.testing.assert_array_equal(observation["block_position"], observation["achieved_goal"])
    grip = environment._simulation.unwrapped._utils.get_site_xpos(
        environment._simulation.unwrapped.model, environment._simulation.unwrapped.data, "robot0:grip"
    )
    np.testing.assert_array_equal(observation["grip_position"], grip.astype(np.float32))


def test_the_same_seed_and_actions_give_bit_equal_episodes_whatever_ran_before():
    actions = np.random.default_rng(0).uniform(-1, 1, (10, 4)).astype(np.float32)

    def play(environment, seed):
        first = environment.reset(seed)
        states = [environment.initial_state()]
        rows = [np.concatenate(list(first.values()))]
        rows += [np.concatenate(list(environment.step(action).observation.values())) for action in actions]
        return states, np.stack(rows)

    used = GoalEnvironment(name="FetchPickAndPlace-v4", max_decisions=50)
    other_state, _ = play(used, 4)
    used_state, used_rows = play(used, 3)
    fresh_state, fresh_rows = play(GoalEnvironment(name="FetchPickAndPlace-v4", max_decisions=50), 3)
    assert used_state == fresh_state != other_state
    np.testing.assert_array_equal(used_rows, fresh_rows)


def test_push_and_pick_and_place_label_one_another_but_slide_has_another_table():
    push, place, slide = (goal_task(name) for name in ("FetchPush-v4", "FetchPickAndPlace-v4", "FetchSlide-v4"))
    assert can_relabel(place, episode_task=push.name, episode_scene=push.scene)
    assert not can_relabel(slide, episode_task=push.name, episode_scene=push.scene)


def test_facts_have_one_row_per_environment_step():
    environment = GoalEnvironment(name="FetchReach-v4", max_decisions=5, action_repeat=2)
    environment.reset(0)
    transition = environment.step(np.zeros(4, np.float32))
    assert {name: values.shape for name, values in transition.facts.items()} == {
        "achieved_goal": (2, 3),
        "desired_goal": (2, 3),
    }
    assert environment.body.decision_s == pytest.approx(2 * 0.04)  # 20 substeps of 2 ms, twice


def test_other_goal_environments_keep_their_own_notion_of_success():
    environment = GoalEnvironment(name="PointMaze_UMaze-v3", max_decisions=5)
    assert isinstance(environment.task.rule, Recorded)
    observation = environment.reset(0)
    transition = environment.step(np.zeros(2, np.float32))
    assert set(observation) == {"pointmaze_state", "pointmaze_achieved_goal", "pointmaze_desired_goal"}
    assert transition.success is False


def test_an_environment_without_goals_is_refused():
    with pytest.raises(ConfigError, match="not a goal environment"):
        GoalEnvironment(name="CartPole-v1", max_decisions=5)
