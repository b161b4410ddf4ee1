import numpy as np
import pytest
from networks import CONTRACT, REACH, answer_always, make_batch, make_network

from flywheel.core.contract import Body, Modality, unite
from flywheel.core.episode import EpisodeRequest, Source
from flywheel.learning.acting import Actor, LearnedPolicy

REACHING, TURNING = "suite/reach", "suite/turn"


def observation(task, seed):
    rng = np.random.default_rng(seed)
    return {
        name: rng.normal(size=CONTRACT.modalities[name].width).astype(np.float32) for name in CONTRACT.presence[task]
    }


def make_actor(network=None):
    return Actor(network=network or make_network(), contract=CONTRACT)


def make_policy(*, actor=None, sampled=True, random_actions=0.0):
    return LearnedPolicy(actor=actor or make_actor(), version="p0001", sampled=sampled, random_actions=random_actions)


def request(seed, task=REACHING):
    return EpisodeRequest(task=task, seed=seed, iteration=1, source=Source.COLLECTION, policy_id="p0001")


EIGHTHS = [[0.125, 0.5, 0.0, 0.25, 0.125], [0.0, 0.0, 0.75, 0.0, 0.25]]
"""Bins -1, -0.5, 0, 0.5, 1. First dimension: from 0, 0.125, 0.625, 0.625 and 0.875 on; second: 0 and 1 from 0.75 on."""


# Actor


def test_the_most_likely_actions_are_taken_where_nothing_is_drawn():
    batch = make_batch()
    actor = make_actor(answer_always(make_network(), policy=EIGHTHS))
    actions = actor.act(batch.observations, [REACHING, TURNING] * 3)
    assert actions.tolist() == [[-0.5, 0.0]] * 6
    assert actions.dtype == np.float32


def test_uniform_numbers_draw_from_the_policys_distribution():
    uniforms = np.array([[0.01, 0.0], [0.12, 0.74], [0.13, 0.76], [0.62, 0.99], [0.63, 0.1], [0.88, 0.9]], np.float32)
    actor = make_actor(answer_always(make_network(), policy=EIGHTHS))
    actions = actor.act(make_batch().observations, [REACHING, TURNING] * 3, uniforms)
    assert actions.tolist() == [[-1.0, 0.0], [-1.0, 0.0], [-0.5, 1.0], [-0.5, 1.0], [0.5, 0.0], [1.0, 1.0]]


def test_a_sharper_policy_draws_from_powers_of_its_probabilities():
    # To the power of 2, the first dimension is as 1 : 16 : 0 : 4 : 1, of 22: from 0, 0.045, 0.773, 0.773 and 0.955 on.
    # The second is as 9 : 1: from 0 and 0.9 on.
    uniforms = np.array([[0.04, 0.0], [0.05, 0.89], [0.76, 0.91], [0.78, 0.5], [0.95, 0.5], [0.96, 0.5]], np.float32)
    actor = make_actor(answer_always(make_network(), policy=EIGHTHS))
    actions = actor.act(make_batch().observations, [REACHING, TURNING] * 3, uniforms, sharpness=2.0)
    assert actions.tolist() == [[-1.0, 0.0], [-0.5, 0.0], [-0.5, 1.0], [0.5, 0.0], [0.5, 0.0], [1.0, 0.0]]


def test_an_observation_is_answered_alike_alone_and_in_a_batch():
    batch, tasks, actor = make_batch(size=20), [REACHING, TURNING] * 10, make_actor()
    together = actor.act(batch.observations, tasks)
    assert len(np.unique(together, axis=0)) > 1
    for row in range(20):
        one = {name: values[row : row + 1] for name, values in batch.observations.items()}
        assert actor.act(one, tasks[row : row + 1])[0].tolist() == together[row].tolist()


def test_a_batch_of_one_task_has_zeros_for_what_the_task_lacks():
    hand, angle = np.arange(8, dtype=np.float32).reshape(2, 2, 2), np.ones((2, 2, 1), np.float32)
    batch = make_actor().batch({"hand": hand, "angle": angle}, TURNING)
    assert batch["hand"].tolist() == hand.tolist()
    assert batch["angle"].tolist() == angle.tolist()
    assert batch["goal"].tolist() == np.zeros((2, 2, 2)).tolist()


def test_a_batch_repeats_the_oldest_observation_and_drops_what_is_too_old():
    actor = Actor(network=make_network(), contract=unite({REACHING: REACH}, history=3))
    for seen, by_hand in ((1, [0, 0, 0]), (2, [0, 0, 1]), (3, [0, 1, 2]), (5, [2, 3, 4])):
        values = np.arange(seen, dtype=np.float32)[None, :, None].repeat(2, axis=2)
        batch = actor.batch({"hand": values, "goal": values}, REACHING)
        assert batch["goal"][0, :, 0].tolist() == by_hand


def test_windows_are_stacked_as_batches_are():
    actor = make_actor()
    windows = [[observation(REACHING, 0)], [observation(TURNING, 1), observation(TURNING, 2)]]
    stacked = actor.stacked(windows, [REACHING, TURNING])
    for row, (window, task) in enumerate(zip(windows, [REACHING, TURNING], strict=True)):
        of_task = {name: np.stack([some[name] for some in window])[None] for name in window[0]}
        for name, values in actor.batch(of_task, task).items():
            assert stacked[name][row].tolist() == values[0].tolist()


def test_a_name_that_two_bodies_use_for_different_widths_is_read_from_the_right_one():
    bodies = {
        task: Body(modalities={"x": Modality(width=width)}, differences={}, action_size=1, decision_s=1.0)
        for task, width in (("a", 1), ("b", 2))
    }
    contract = unite(bodies)
    actor = Actor(network=make_network(contract), contract=contract)
    stacked = actor.stacked([[{"x": np.array([7.0])}], [{"x": np.array([8.0, 9.0])}]], ["a", "b"])
    assert stacked["x/1"][:, 0].tolist() == [[7.0], [0.0]]
    assert stacked["x/2"][:, 0].tolist() == [[0.0, 0.0], [8.0, 9.0]]
    assert actor.batch({"x": np.full((1, 1, 2), 8.0, np.float32)}, "b")["x/2"].tolist() == [[[8.0, 8.0]]]


# LearnedPolicy


def episode(policy, slot, seed, *, task=REACHING, num_decisions=4):
    policy.begin(slot, request(seed, task))
    return [policy.act([slot], [observation(task, 100 * seed + t)], [task])[0].tolist() for t in range(num_decisions)]


@pytest.mark.parametrize("random_actions", [0.0, 0.5])
def test_an_episodes_actions_depend_on_its_seed_and_not_on_slots_or_neighbours(random_actions):
    alone = {seed: episode(make_policy(random_actions=random_actions), 0, seed) for seed in (5, 6, 7)}
    assert alone[5] != alone[6] != alone[7]
    together = make_policy(random_actions=random_actions)
    for slot, seed in ((3, 5), (1, 6), (8, 7)):
        together.begin(slot, request(seed))
    seeds = {3: 5, 1: 6, 8: 7}
    for t, slots in enumerate([[3, 1, 8], [8, 3, 1], [1, 8, 3], [3, 8, 1]]):
        observations = [observation(REACHING, 100 * seeds[slot] + t) for slot in slots]
        for slot, action in zip(slots, together.act(slots, observations, [REACHING] * 3), strict=True):
            assert action.tolist() == alone[seeds[slot]][t]


def test_a_slot_forgets_its_last_episode():
    policy = make_policy()
    first = episode(policy, 0, 5)
    episode(policy, 0, 6)
    assert episode(policy, 0, 5) == first


def test_the_policy_sees_as_many_observations_as_its_contract_says():
    """Two: what lies further back changes nothing, what lies one back does."""
    start, middle = observation(REACHING, 0), observation(REACHING, 1)
    network = make_network(num_action_bins=201)

    def last_actions(*before):
        policy = make_policy(actor=make_actor(network), sampled=False)
        actions = []
        for seed in range(10, 20):
            policy.begin(0, request(seed))
            for seen in (*before, observation(REACHING, seed)):
                action = policy.act([0], [seen], [REACHING])[0]
            actions.append(action.tolist())
        return actions

    assert last_actions(start, middle) == last_actions(middle, middle) == last_actions(middle)
    assert last_actions(middle) != last_actions(start)


def test_before_its_second_observation_the_policy_sees_the_first_one_twice():
    seen = observation(REACHING, 0)
    policy = make_policy(sampled=False)
    policy.begin(0, request(1))
    first, second = (policy.act([0], [seen], [REACHING])[0].tolist() for _ in range(2))
    assert first == second


def test_two_bodies_act_side_by_side_each_with_its_own_size_of_action():
    policy = make_policy()
    reach, turn = episode(make_policy(), 0, 5), episode(make_policy(), 0, 6, task=TURNING)
    policy.begin(0, request(5, REACHING))
    policy.begin(1, request(6, TURNING))
    for t in range(4):
        observations = [observation(REACHING, 500 + t), observation(TURNING, 600 + t)]
        first, second = policy.act([0, 1], observations, [REACHING, TURNING])
        assert (first.shape, second.shape) == ((2,), (1,))
        assert (first.tolist(), second.tolist()) == (reach[t], turn[t])


def test_unsampled_actions_do_not_depend_on_the_seed():
    policy = make_policy(sampled=False)
    seen = observation(REACHING, 0)
    actions = []
    for seed in (1, 2):
        policy.begin(0, request(seed))
        actions.append(policy.act([0], [seen], [REACHING])[0].tolist())
    assert (
        actions[0] == actions[1] == make_actor().act(make_actor().stacked([[seen]], [REACHING]), [REACHING])[0].tolist()
    )


def test_sampled_actions_are_as_frequent_as_the_policy_says():
    policy = make_policy(actor=make_actor(answer_always(make_network(), policy=EIGHTHS)))
    slots = list(range(1000))
    for slot in slots:
        policy.begin(slot, request(slot))
    actions = np.array(policy.act(slots, [observation(REACHING, 0)] * 1000, [REACHING] * 1000))
    # Standard deviation of a frequency of one half in 1,000 draws: sqrt(0.25 / 1,000) = 0.016.
    for dimension, policy_of in enumerate(EIGHTHS):
        frequencies = [np.mean(actions[:, dimension] == value) for value in (-1.0, -0.5, 0.0, 0.5, 1.0)]
        assert frequencies == pytest.approx(policy_of, abs=0.06)


def test_the_asked_for_share_of_decisions_is_random():
    """The policy's own action is always 0; random ones are anything from -1 to 1."""
    certain = [[0.0, 0.0, 1.0, 0.0, 0.0]] * 2
    policy = make_policy(
        actor=make_actor(answer_always(make_network(), policy=certain)), sampled=False, random_actions=0.25
    )
    slots = list(range(1000))
    for slot in slots:
        policy.begin(slot, request(slot))
    actions = np.array(policy.act(slots, [observation(REACHING, 0)] * 1000, [REACHING] * 1000))
    chosen = (actions != 0).any(1)
    # Standard deviation of a share of 0.25 in 1,000 decisions: sqrt(0.1875 / 1,000) = 0.014.
    assert chosen.mean() == pytest.approx(0.25, abs=0.05)
    assert (actions[chosen] != 0).all()
    assert actions.min() >= -1
    assert actions.max() <= 1
    # Standard deviation of a uniform number in [-1, 1]: 1 / sqrt(3) = 0.577.
    assert actions[chosen].std() == pytest.approx(0.577, abs=0.05)
    assert actions.dtype == np.float32


def test_a_policy_says_which_version_it_is():
    assert make_policy().version == "p0001"
