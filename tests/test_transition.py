from dataclasses import fields

import numpy as np
import pytest
from builders import make_episode, make_label
from hypothesis import given
from hypothesis import strategies as st

from flywheel.core.contract import Body, Modality, unite
from flywheel.core.episode import Source
from flywheel.core.errors import EpisodeError
from flywheel.core.mixture import OUTCOMES, SOURCES
from flywheel.core.transition import Transitions, frame_bytes, n_step_returns, observed_returns, transition_bytes

PLAIN = Body(modalities={"x": Modality(width=2)}, differences={}, action_size=1, decision_s=0.5)
REWARDS = np.array([1.0, 2.0, 4.0, 8.0], np.float32)


def transitions_of(episodes, labels=None, *, history=1, bodies=None, **settings):
    labels = [make_label(episode) for episode in episodes] if labels is None else labels
    by_id = {}
    for label in labels:
        by_id.setdefault(label.episode_id, []).append(label)
    contract = unite(bodies or {"suite/reach": PLAIN, "suite/push": PLAIN}, history=history)
    return Transitions.of(episodes, by_id, contract=contract, **({"discount": 0.5, "num_steps": 2} | settings))


def everything(transitions):
    return transitions.batch(np.arange(transitions.num_transitions))


# n-step returns


def alone(*, terminated, num_steps, rewards=REWARDS, discount=0.5):
    """Of one episode, with the index of the observation to bootstrap from."""
    returns, discounts, ahead = n_step_returns(
        rewards,
        lengths=np.array([len(rewards)]),
        terminated=np.array([terminated]),
        discount=discount,
        num_steps=num_steps,
    )
    return returns, discounts, np.arange(len(rewards)) + ahead


def test_n_step_returns_of_a_terminated_episode():
    returns, discounts, ends = alone(terminated=True, num_steps=2)
    # 1 + 2/2, 2 + 4/2, 4 + 8/2, 8
    assert returns.tolist() == [2.0, 4.0, 8.0, 8.0]
    # 0.5^2 where two decisions are left and the end is not reached, 0 where the window reaches the end.
    assert discounts.tolist() == [0.25, 0.25, 0.0, 0.0]
    assert ends.tolist() == [2, 3, 4, 4]


def test_n_step_returns_of_a_truncated_episode_are_bootstrapped_at_its_end():
    returns, discounts, ends = alone(terminated=False, num_steps=2)
    assert returns.tolist() == [2.0, 4.0, 8.0, 8.0]
    # The last decision has one left: 0.5^1.
    assert discounts.tolist() == [0.25, 0.25, 0.25, 0.5]
    assert ends.tolist() == [2, 3, 4, 4]


def test_more_steps_than_decisions_use_what_is_left():
    returns, discounts, ends = alone(terminated=False, num_steps=9)
    # 1 + 2/2 + 4/4 + 8/8, 2 + 4/2 + 8/4, 4 + 8/2, 8
    assert returns.tolist() == [4.0, 6.0, 8.0, 8.0]
    assert discounts.tolist() == [0.0625, 0.125, 0.25, 0.5]
    assert ends.tolist() == [4, 4, 4, 4]


def test_one_step_returns_are_the_rewards():
    returns, discounts, ends = alone(terminated=True, num_steps=1)
    assert returns.tolist() == REWARDS.tolist()
    assert discounts.tolist() == [0.5, 0.5, 0.5, 0.0]
    assert ends.tolist() == [1, 2, 3, 4]


def test_the_returns_of_one_episode_know_nothing_of_the_next():
    returns, discounts, ahead = n_step_returns(
        REWARDS, lengths=np.array([1, 0, 3]), terminated=np.array([False, True, True]), discount=0.5, num_steps=2
    )
    # The first episode is its one reward of 1, then bootstrapped; the last: 2 + 4/2, 4 + 8/2, 8.
    assert returns.tolist() == [1.0, 4.0, 8.0, 8.0]
    assert discounts.tolist() == [0.5, 0.25, 0.0, 0.0]
    assert ahead.tolist() == [1, 2, 2, 1]


@given(
    rewards=st.lists(st.integers(-4, 4), min_size=1, max_size=12),
    terminated=st.booleans(),
    discount=st.sampled_from([0.5, 0.9, 0.99]),
    num_steps=st.integers(1, 14),
)
def test_n_step_returns_agree_with_the_sum_written_out(rewards, terminated, discount, num_steps):
    returns, discounts, ends = alone(
        rewards=np.array(rewards, np.float32), terminated=terminated, discount=discount, num_steps=num_steps
    )
    for t in range(len(rewards)):
        window = rewards[t : t + num_steps]
        last = t + len(window)
        assert returns[t] == pytest.approx(sum(discount**k * reward for k, reward in enumerate(window)), abs=1e-5)
        assert ends[t] == last
        ended = terminated and last == len(rewards)
        assert discounts[t] == pytest.approx(0.0 if ended else discount ** len(window))


# Observed returns


def observed(*, lengths, terminated, rewards=REWARDS, discount=0.5):
    return observed_returns(rewards, lengths=np.array(lengths), terminated=np.array(terminated), discount=discount)


def test_observed_returns_go_to_the_end_of_the_episode():
    returns, unobserved = observed(lengths=[4], terminated=[True])
    # 1 + 2/2 + 4/4 + 8/8, 2 + 4/2 + 8/4, 4 + 8/2, 8
    assert returns.tolist() == [4.0, 6.0, 8.0, 8.0]
    assert unobserved.tolist() == [0.0, 0.0, 0.0, 0.0]


def test_what_a_truncated_episode_did_not_show_has_a_discount():
    returns, unobserved = observed(lengths=[1, 3], terminated=[False, False])
    # The first is its one reward of 1; the second 2 + 4/2 + 8/4, 4 + 8/2, 8. Then 1/2 to the power of what was left.
    assert returns.tolist() == [1.0, 6.0, 8.0, 8.0]
    assert unobserved.tolist() == [0.5, 0.125, 0.25, 0.5]


@given(
    episodes=st.lists(st.tuples(st.lists(st.integers(-4, 4), max_size=12), st.booleans()), min_size=1, max_size=4),
    discount=st.sampled_from([0.5, 0.9, 0.99]),
)
def test_observed_returns_are_n_step_returns_that_never_bootstrap_before_the_end(episodes, discount):
    settings = {
        "lengths": np.array([len(rewards) for rewards, _ in episodes]),
        "terminated": np.array([terminated for _, terminated in episodes]),
        "discount": discount,
    }
    rewards = np.array([reward for some, _ in episodes for reward in some], np.float32)
    returns, discounts, _ = n_step_returns(rewards, num_steps=12, **settings)
    found, unobserved = observed_returns(rewards, **settings)
    assert found == pytest.approx(returns, abs=1e-5)
    assert unobserved == pytest.approx(discounts)


# From episodes to transitions


def test_a_transition_joins_the_observation_with_the_one_n_decisions_later():
    batch = everything(transitions_of([make_episode(num_decisions=3)]))
    # Observation t is (t, t + 0.5); two decisions later, or the last one, 3.
    assert batch.observations["x"].tolist() == [[[0.0, 0.5]], [[1.0, 1.5]], [[2.0, 2.5]]]
    assert batch.next_observations["x"].tolist() == [[[2.0, 2.5]], [[3.0, 3.5]], [[3.0, 3.5]]]
    assert batch.actions == pytest.approx(np.array([[0.0], [0.1], [0.2]]))
    assert batch.tasks.tolist() == [0, 0, 0]


def test_a_label_may_end_the_episode_early():
    episode = make_episode(num_decisions=4)
    label = make_label(episode, rewards=np.array([0, 1], np.float32), terminated=True, success=True)
    batch = everything(transitions_of([episode], [label]))
    # Two transitions: 0 + 1/2 and 1, neither bootstrapped, as both windows reach the success.
    assert batch.returns.tolist() == [0.5, 1.0]
    assert batch.discounts.tolist() == [0.0, 0.0]
    assert batch.next_observations["x"][:, 0, 0].tolist() == [2.0, 2.0]
    assert batch.observed_returns.tolist() == [0.5, 1.0]
    assert batch.unobserved_discounts.tolist() == [0.0, 0.0]


def test_an_episode_is_seen_under_each_of_its_labels():
    episode = make_episode(num_decisions=2, source=Source.COLLECTION)
    labels = [
        make_label(episode),
        make_label(episode, task="suite/push", rewards=np.array([1], np.float32), terminated=True, success=True),
    ]
    transitions = transitions_of([episode], labels)
    batch = everything(transitions)
    assert batch.tasks.tolist() == [0, 0, 1]
    assert batch.returns.tolist() == [0.0, 0.0, 1.0]
    assert [SOURCES[code] for code in transitions.sources] == ["collection", "collection", "relabelled"]
    assert [OUTCOMES[code] for code in transitions.outcomes] == ["failure", "failure", "success"]
    assert transitions.iterations.tolist() == [0, 0, 0]
    assert len(transitions.frames["x"]) == 3


def test_failures_under_another_task_are_not_worth_imitating():
    episode = make_episode(num_decisions=1)
    kinds = [("suite/reach", False), ("suite/reach", True), ("suite/push", False), ("suite/push", True)]
    labels = [make_label(episode, task=task, success=success) for task, success in kinds]
    assert everything(transitions_of([episode], labels)).cloned.tolist() == [1.0, 1.0, 0.0, 1.0]


def test_filtered_cloning_sees_only_known_successes():
    episode = make_episode(num_decisions=1)
    labels = [make_label(episode, success=success) for success in (True, False, None)]
    assert transitions_of([episode], labels, only_successes=True).num_transitions == 1
    assert transitions_of([episode], labels).num_transitions == 3


def test_crashed_and_unlabelled_episodes_are_left_out():
    sound = make_episode(num_decisions=2, episode_id="sound")
    crashed = make_episode(num_decisions=2, episode_id="crashed", error="it broke", truncated=False)
    unlabelled = make_episode(num_decisions=2, episode_id="unlabelled")
    transitions = transitions_of([crashed, unlabelled, sound], [make_label(sound), make_label(crashed)])
    assert transitions.num_transitions == 2
    assert len(transitions.frames["x"]) == 3


def test_no_transitions_at_all_is_refused():
    with pytest.raises(EpisodeError, match="no transitions to train on"):
        transitions_of([make_episode()], [])


def test_missing_modalities_and_unused_action_dimensions_are_zeros():
    bodies = {
        "suite/reach": PLAIN,
        "suite/turn": Body(modalities={"y": Modality(width=1)}, differences={}, action_size=3, decision_s=1.0),
    }
    turn = make_episode(
        num_decisions=1,
        episode_id="turn",
        task="suite/turn",
        observations={"y": np.array([[7.0], [8.0]], np.float32)},
        actions=np.array([[0.1, 0.2, 0.3]], np.float32),
    )
    reach = make_episode(num_decisions=1, actions=np.array([[0.9]], np.float32))
    batch = everything(transitions_of([reach, turn], bodies=bodies))
    assert batch.observations["x"].tolist() == [[[0.0, 0.5]], [[0.0, 0.0]]]
    assert batch.observations["y"].tolist() == [[[0.0]], [[7.0]]]
    assert batch.actions == pytest.approx(np.array([[0.9, 0.0, 0.0], [0.1, 0.2, 0.3]]))


def test_a_modality_that_two_bodies_use_for_different_widths_is_read_as_two():
    wide = Body(modalities={"x": Modality(width=3)}, differences={}, action_size=1, decision_s=0.5)
    other = make_episode(
        num_decisions=1, episode_id="wide", task="suite/push", observations={"x": np.full((2, 3), 9, np.float32)}
    )
    batch = everything(
        transitions_of([make_episode(num_decisions=1), other], bodies={"suite/reach": PLAIN, "suite/push": wide})
    )
    assert batch.observations["x/2"].tolist() == [[[0.0, 0.5]], [[0.0, 0.0]]]
    assert batch.observations["x/3"].tolist() == [[[0.0, 0.0, 0.0]], [[9.0, 9.0, 9.0]]]


def test_an_episode_of_another_width_is_refused_by_name():
    episode = make_episode(num_decisions=1, observations={"x": np.zeros((2, 5), np.float32)})
    with pytest.raises(EpisodeError, match=r"suite.reach-7: observations.x: width 5, the policy needs 2"):
        transitions_of([episode])


def test_history_repeats_the_first_observation_and_never_reaches_another_episode():
    first = make_episode(num_decisions=2, episode_id="first")
    second = make_episode(
        num_decisions=2, episode_id="second", observations={"x": np.array([[10, 0], [11, 0], [12, 0]], np.float32)}
    )
    batch = everything(transitions_of([first, second], history=3, num_steps=1))
    assert batch.observations["x"][:, :, 0].tolist() == [[0, 0, 0], [0, 0, 1], [10, 10, 10], [10, 10, 11]]
    assert batch.next_observations["x"][:, :, 0].tolist() == [[0, 0, 1], [0, 1, 2], [10, 10, 11], [10, 11, 12]]


def test_transitions_take_what_is_said_of_them():
    made = transitions_of([make_episode(num_decisions=3), make_episode(num_decisions=5, episode_id="b")])
    contract = made.contract
    columns = [getattr(made, field.name) for field in fields(made) if field.name not in ("contract", "frames")]
    held = sum(values.nbytes for values in [*made.frames.values(), *columns])
    assert held == 10 * frame_bytes(contract) + 8 * transition_bytes(contract)
