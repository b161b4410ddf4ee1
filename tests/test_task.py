import numpy as np
import pytest
from builders import make_episode

from flywheel.core.episode import Source
from flywheel.core.errors import EpisodeError
from flywheel.core.task import Recorded, Task, Within, can_relabel, judges, relabel

REACH = Task(name="suite/reach", scene="table", instruction="", rule=Within(point="hand", target="goal", radius_m=0.5))
PUSH = Task(name="suite/push", scene="table", instruction="", rule=Within(point="puck", target="goal", radius_m=0.5))


def facts(**distances):
    """Name -> [T][R] metres along x from the goal at 0, as facts [T, R, 3]."""
    some = {name: np.array(values, np.float32)[..., None] * [1, 0, 0] for name, values in distances.items()}
    return some | {"goal": np.zeros_like(next(iter(some.values())))}


def test_within_holds_if_any_environment_step_of_the_decision_came_close():
    # Decision 0: 0.9 and 0.6 m, both too far. Decision 1: 0.4 m at its first step. Decision 2: too far again.
    episode = make_episode(facts=facts(hand=[[0.9, 0.6], [0.4, 0.8], [0.7, 0.7]]))
    assert REACH.rule.successes(episode).tolist() == [False, True, False]


@pytest.mark.parametrize(("inclusive", "expected"), [(True, True), (False, False)])
def test_a_distance_of_exactly_the_radius_counts_only_if_inclusive(inclusive, expected):
    rule = Within(point="hand", target="goal", radius_m=0.5, inclusive=inclusive)
    episode = make_episode(num_decisions=1, facts=facts(hand=[[0.5]]))
    assert rule.successes(episode).tolist() == [expected]


def test_within_measures_in_three_dimensions():
    # (0.3, 0.4, 0) is 0.5 m away; with 0.1 more in z it is sqrt(0.26) = 0.51 m.
    near = np.array([[[0.3, 0.4, 0.0]], [[0.3, 0.4, 0.1]]], np.float32)
    episode = make_episode(num_decisions=2, facts={"hand": near, "goal": np.zeros_like(near)})
    rule = Within(point="hand", target="goal", radius_m=0.505)
    assert rule.successes(episode).tolist() == [True, False]


def test_within_names_the_fact_that_is_missing():
    with pytest.raises(EpisodeError, match=r"facts.puck: missing"):
        relabel(make_episode(facts=facts(hand=[[0.1]] * 3)), PUSH)


def test_a_sparse_label_ends_at_the_first_success():
    episode = make_episode(facts=facts(hand=[[0.9], [0.1], [0.1]]), rewards=np.array([5, 6, 7], np.float32))
    label = relabel(episode, REACH)
    assert label.rewards.tolist() == [0.0, 1.0]
    assert (label.terminated, label.success) == (True, True)
    assert (label.episode_id, label.task, label.labeler, label.labeler_version) == (
        episode.episode_id,
        "suite/reach",
        "within",
        1,
    )


def test_a_sparse_failure_keeps_its_whole_length_and_is_bootstrapped():
    label = relabel(make_episode(facts=facts(hand=[[0.9], [0.8], [0.7]])), REACH)
    assert label.rewards.tolist() == [0.0, 0.0, 0.0]
    assert (label.terminated, label.success) == (False, False)


def test_a_failure_that_the_environment_ended_is_terminated_only_under_its_own_task():
    fell = make_episode(facts=facts(hand=[[0.9]] * 3, puck=[[0.9]] * 3), terminated=True, truncated=False)
    assert relabel(fell, REACH).terminated
    assert not relabel(fell, PUSH).terminated


def test_an_episode_is_relabelled_under_another_task_of_its_scene():
    episode = make_episode(facts=facts(hand=[[0.9]] * 3, puck=[[0.9], [0.9], [0.2]]))
    label = relabel(episode, PUSH)
    assert label.task == "suite/push"
    assert label.rewards.tolist() == [0.0, 0.0, 1.0]
    assert label.success is True


def test_another_task_may_judge_an_episode_that_nobody_scored():
    episode = make_episode(facts=facts(hand=[[0.1]] * 3, puck=[[0.1]] * 3), scored=False)
    assert relabel(episode, REACH).success is None
    assert relabel(episode, PUSH).success is True


def test_an_unscored_episode_is_unknown_and_not_a_failure():
    task = Task(name="suite/reach", scene="table", instruction="", rule=Recorded())
    label = relabel(make_episode(scored=False, successes=np.ones(3, np.bool_)), task)
    assert label.success is None
    assert label.rewards.tolist() == [0.0, 0.0, 0.0]
    assert not label.terminated


@pytest.mark.parametrize("terminated", [True, False])
def test_a_dense_label_keeps_the_environments_rewards_and_end(terminated):
    task = Task(name="suite/reach", scene="table", instruction="", rule=Recorded(), sparse=False)
    episode = make_episode(
        rewards=np.array([1, 2, 3], np.float32),
        successes=np.array([False, True, False]),
        terminated=terminated,
        truncated=not terminated,
    )
    label = relabel(episode, task)
    assert label.rewards.tolist() == [1.0, 2.0, 3.0]
    assert (label.terminated, label.success) == (terminated, True)


def test_recorded_success_says_nothing_about_other_tasks():
    other = Task(name="suite/push", scene="table", instruction="", rule=Recorded())
    assert not can_relabel(other, episode_task="suite/reach", episode_scene="table")
    with pytest.raises(EpisodeError, match="suite/push cannot judge episodes of suite/reach"):
        relabel(make_episode(), other)


@pytest.mark.parametrize(
    ("task", "scene", "able"),
    [("suite/push", "elsewhere", True), ("suite/reach", "table", True), ("suite/reach", "elsewhere", False)],
)
def test_a_task_judges_its_own_episodes_and_those_of_its_scene(task, scene, able):
    assert can_relabel(PUSH, episode_task=task, episode_scene=scene) is able


def test_an_upload_without_the_facts_of_a_rule_is_judged_by_its_own_task_as_its_file_reported():
    successes = np.array([False, True, False])
    upload = make_episode(source=Source.UPLOAD, facts={}, successes=successes)
    assert judges(REACH, upload)
    assert not judges(PUSH, upload)
    label = relabel(upload, REACH)
    assert (label.labeler, label.success, label.rewards.tolist()) == ("recorded", True, [0, 1])


def test_an_upload_with_facts_is_judged_like_any_other():
    upload = make_episode(source=Source.UPLOAD, facts=facts(hand=[[0.9], [0.9], [0.4]], puck=[[1], [1], [1]]))
    assert judges(PUSH, upload)
    assert (relabel(upload, REACH).labeler, relabel(upload, REACH).success) == ("within", True)


def test_only_uploads_may_lack_facts():
    with pytest.raises(EpisodeError, match=r"facts\.hand: missing"):
        relabel(make_episode(facts={}), REACH)
    assert not judges(PUSH, make_episode(scene="another table"))
