from dataclasses import replace

import numpy as np
import pytest
from factories import content
from trading import BODY, REACH, TASKS, admission

from flywheel.core.episode import Source
from flywheel.core.errors import EpisodeError
from flywheel.core.task import Recorded, Task
from flywheel.exchange.admission import content_digest
from flywheel.exchange.found import Found, Take


def found(**changes):
    """Two decisions of the task's body, without facts."""
    values = {
        "origin": "mine.parquet: row 4",
        "task": REACH,
        "observations": {"tool": np.zeros((3, 3)), "gripper": np.ones(3)},
        "actions": np.full((2, 4), 0.5),
        "rewards": np.array([0.0, 1.0]),
        "successes": np.array([False, True]),
        "terminated": True,
    }
    return Found(**(values | changes))


def test_an_admitted_episode_is_an_upload_of_the_coming_iteration():
    episode = admission().episode(found())
    assert (episode.source, episode.iteration, episode.task, episode.scene) == (Source.UPLOAD, 3, REACH, "table")
    assert episode.episode_id.startswith("upload-suite.reach-")
    assert episode.actions.dtype == np.float32
    assert (episode.scored, episode.terminated, episode.truncated) == (True, True, False)


def test_what_the_file_does_not_say_is_unknown_and_not_a_failure():
    episode = admission().episode(found(rewards=None, successes=None, terminated=False))
    assert (episode.seed, episode.initial_state, episode.behaviour_policy) == (-1, "", "upload")
    assert (episode.outcome, episode.truncated, episode.decision_s) == ("unscored", True, BODY.decision_s)
    assert not episode.rewards.any()


def test_policies_of_another_flywheel_are_not_taken_for_ours():
    assert admission().episode(found(behaviour_policy="policy-0003")).behaviour_policy == "upload:policy-0003"
    assert admission().episode(found(behaviour_policy="upload:policy-0003")).behaviour_policy == "upload:policy-0003"


def test_the_id_is_a_function_of_the_content_alone():
    first = admission().episode(found())
    assert admission(iteration=9).episode(found(origin="another.parquet: row 0")).episode_id == first.episode_id
    actions = found().actions.copy()
    actions[1, 3] = np.nextafter(np.float32(0.5), np.float32(1))
    for other in (found(actions=actions), found(terminated=False), found(seed=1), found(task="suite/push")):
        assert admission().episode(other).episode_id != first.episode_id


def test_an_array_moved_to_another_name_is_another_content():
    facts = {"tool": np.zeros((2, 1, 3)), "target": np.ones((2, 1, 3))}
    one = admission().episode(found(facts=facts))
    other = replace(one, facts={"tool": one.facts["target"], "target": one.facts["tool"]})
    assert content(one) != content(other)
    assert content_digest(one) != content_digest(other)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"actions": np.full((2, 3), 0.5)}, "actions: width 3, the task's is 4"),
        ({"actions": np.full((2, 4), 1.5)}, "actions: 1.5 at decision 0, dimension 0 is outside [-1, 1]"),
        ({"actions": np.full((2, 4), np.nan)}, "actions: holds NaN or infinite values"),
        ({"actions": np.zeros((0, 4))}, "actions: an episode has at least one decision"),
        ({"rewards": np.array([0.0, np.inf])}, "rewards: holds NaN or infinite values"),
        ({"rewards": np.zeros(3)}, "rewards: shape [3] does not fit [2]"),
        ({"observations": {"tool": np.zeros((3, 2)), "gripper": np.ones(3)}}, "observations.tool: width 2"),
        ({"observations": {"tool": np.zeros((4, 3)), "gripper": np.ones(4)}}, "observations.tool: shape [4, 3]"),
        ({"observations": {"tool": np.zeros((3, 3, 8, 8)), "gripper": np.ones(3)}}, "observations.tool: width 3 x 8"),
        ({"observations": {"tool": np.full((3, 3), 1e300), "gripper": np.ones(3)}}, "observations.tool: holds NaN"),
        ({"observations": {"tool": np.zeros((3, 3))}}, "no observation gripper; it has tool"),
        ({"task": None}, "says no task; give --task, one of suite/reach, suite/push"),
        ({"task": "suite/fly"}, "the store has no task suite/fly; it has suite/reach, suite/push"),
        ({"decision_s": 0.1}, "decision_s: 0.1 s between two decisions, the task's is 0.025 s"),
        ({"facts": {"tool": np.zeros((2, 1, 3)), "target": np.zeros((2, 1, 2))}}, "facts: suite/reach cannot judge"),
        ({"facts": {"tool": np.zeros((2, 3))}}, "facts.tool: shape [2, 3]"),
    ],
)
def test_what_does_not_fit_the_task_is_refused_with_file_and_row(changes, told):
    with pytest.raises(EpisodeError) as refused:
        admission().episode(found(**changes))
    assert "mine.parquet: row 4" in str(refused.value)
    assert told in str(refused.value)


def test_a_task_that_learns_from_rewards_needs_them():
    dense = {REACH: Task(name=REACH, scene="s", instruction="", rule=Recorded(), sparse=False)}
    with pytest.raises(EpisodeError, match="rewards: missing, and suite/reach is learned from them"):
        admission(tasks=dense).episode(found(rewards=None))


def test_an_instruction_says_the_task_too():
    assert admission().episode(found(task="push it")).task == "suite/push"


def test_the_task_that_is_given_counts_for_all():
    assert admission(task="suite/push").episode(found(task="whatever")).task == "suite/push"


def test_observations_are_taken_as_told():
    state = {"state": np.arange(12.0).reshape(3, 4)}
    takes = [Take.parse("state[0:3]=tool"), Take.parse("state[3:4]=gripper")]
    episode = admission(takes=takes).episode(found(observations=state))
    np.testing.assert_array_equal(episode.observations["gripper"], [[3], [7], [11]])


def test_a_body_is_made_once():
    asked = []
    some = admission(body_of=lambda task: asked.append(task) or BODY)
    for task in (*TASKS, *TASKS):
        some.episode(found(task=task))
    assert asked == list(TASKS)
