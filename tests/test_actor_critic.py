import pytest
import torch
from networks import answer_always, make_batch, make_network, tensors

BATCH = tensors(make_batch())
"""Even rows are reach with two action dimensions, odd ones turn with one."""
REACHING = [0, 2, 4]


@pytest.fixture
def network():
    return make_network()


def encoded(network):
    return network.encode(BATCH.observations, BATCH.tasks)


def candidates(num_actions=5):
    return torch.rand(6, num_actions, 2, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_shapes(network):
    latents = encoded(network)
    assert latents.shape == (6, 3, 8)
    assert network.policy_logits(latents).shape == (6, 2, 5)
    assert network.critic_logits(latents, BATCH.tasks, candidates()).shape == (6, 5, 6)


def test_bins_are_spread_evenly_and_an_action_goes_to_the_nearest(network):
    assert network.action_values.tolist() == [-1.0, -0.5, 0.0, 0.5, 1.0]
    actions = torch.tensor([-1.0, -0.76, -0.74, 0.0, 0.24, 0.26, 1.0])
    assert network.bins_of(actions).tolist() == [0, 0, 1, 2, 2, 3, 4]


def test_actions_beyond_the_ends_go_to_the_ends(network):
    assert network.bins_of(torch.tensor([-3.0, 1.5])).tolist() == [0, 4]


def test_every_bin_is_the_bin_of_its_own_value():
    network = make_network(num_action_bins=33)
    assert network.bins_of(network.action_values).tolist() == list(range(33))


def test_the_most_likely_action_has_the_most_probability_around_it():
    network = make_network(num_action_bins=21)
    policy = torch.zeros(21)
    policy[2], policy[13:16] = 0.28, 0.24
    # Bins are 0.1 apart. Neighbours count exp(-0.5 (0.1 / 0.15)^2) = 0.8007, the next 0.4111:
    # bin 14 has 0.24 (1 + 2 x 0.8007) = 0.62, bins 13 and 15 0.24 (1 + 0.8007 + 0.4111) = 0.53, bin 2 only 0.28.
    assert network.most_likely(policy.log()).item() == 14


def test_far_apart_the_most_likely_action_is_the_most_probable():
    policy = torch.tensor([[0.1, 0.2, 0.1, 0.35, 0.25], [0.3, 0.1, 0.2, 0.2, 0.2]])
    # Five bins are 0.5 apart: neighbours count exp(-0.5 (0.5 / 0.15)^2) = 0.004.
    assert make_network().most_likely(policy.log()).tolist() == [3, 0]


def test_q_is_the_mean_of_the_return_bins(network):
    # Returns 0, 0.2, 0.4, 0.6, 0.8, 1 with probabilities 0, 0, 0.5, 0.25, 0, 0.25: 0.2 + 0.15 + 0.25.
    probabilities = torch.tensor([0.0, 0.0, 0.5, 0.25, 0.0, 0.25])
    assert network.q_values(probabilities.log()).item() == pytest.approx(0.6)


def test_q_keeps_its_digits_in_half_precision(network):
    """Differences of Q between actions are smaller than bfloat16 can express."""
    logits = torch.randn(8, 6, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", torch.bfloat16):
        inside = network.q_values(logits)
    assert inside.dtype == torch.float32
    assert torch.allclose(inside, network.q_values(logits), atol=1e-6)


def test_the_probability_of_an_action_is_the_product_over_the_dimensions_that_the_task_uses(network):
    policy = torch.tensor([[0.1, 0.2, 0.3, 0.3, 0.1], [0.5, 0.2, 0.1, 0.1, 0.1]])
    log_policy = policy.log().expand(2, -1, -1)
    bins = torch.tensor([[[1, 0], [2, 4]], [[1, 0], [2, 4]]])
    # Reach: 0.2 x 0.5 and 0.3 x 0.1. Turn has no second dimension: 0.2 and 0.3.
    picked = network.log_probabilities(log_policy, torch.tensor([0, 1]), bins).exp()
    assert picked.tolist() == [pytest.approx([0.1, 0.03]), pytest.approx([0.2, 0.3])]


def test_permuting_the_learned_latents_changes_neither_policy_nor_critic(network):
    def answers():
        latents = encoded(network)
        return network.policy_logits(latents), network.critic_logits(latents, BATCH.tasks, candidates())

    before = answers()
    with torch.no_grad():
        network.perceiver.latents.copy_(network.perceiver.latents[torch.tensor([2, 0, 1])])
    for old, new in zip(before, answers(), strict=True):
        assert torch.allclose(old, new, atol=1e-5)


def test_rows_of_a_batch_do_not_influence_one_another(network):
    latents, actions = encoded(network), candidates()
    policy, critic = network.policy_logits(latents), network.critic_logits(latents, BATCH.tasks, actions)
    for row in range(6):
        one = slice(row, row + 1)
        alone = network.encode({name: some[one] for name, some in BATCH.observations.items()}, BATCH.tasks[one])
        assert torch.allclose(network.policy_logits(alone), policy[one], atol=1e-5)
        assert torch.allclose(network.critic_logits(alone, BATCH.tasks[one], actions[one]), critic[one], atol=1e-5)


def test_many_actions_are_scored_together_as_one_by_one(network):
    latents, actions = encoded(network), candidates()
    together = network.critic_logits(latents, BATCH.tasks, actions)
    alone = [network.critic_logits(latents, BATCH.tasks, actions[:, i : i + 1]) for i in range(5)]
    assert torch.allclose(torch.cat(alone, dim=1), together, atol=1e-5)


def test_scoring_actions_does_not_encode_the_state_again(network):
    calls = []
    network.perceiver.register_forward_hook(lambda *_: calls.append(1))
    latents = encoded(network)
    network.policy_logits(latents)
    for num_actions in (1, 50):
        network.critic_logits(latents, BATCH.tasks, candidates(num_actions))
    assert len(calls) == 1


def test_the_critic_tells_actions_apart_but_not_by_dimensions_that_the_task_lacks(network):
    latents, actions = encoded(network), candidates()
    before = network.critic_logits(latents, BATCH.tasks, actions)
    for dimension, reacting in ((0, list(range(6))), (1, REACHING)):
        other = actions.clone()
        other[..., dimension] += 100.0
        change = (network.critic_logits(latents, BATCH.tasks, other) - before).abs().amax((1, 2))
        assert torch.nonzero(change).flatten().tolist() == reacting


def test_the_policy_does_not_see_the_critics_task_nor_the_critic_the_policys_query(network):
    latents, actions = encoded(network), candidates()
    policy, critic = network.policy_logits(latents), network.critic_logits(latents, BATCH.tasks, actions)
    with torch.no_grad():
        network.critic_task.weight += 1.0
    assert torch.equal(network.policy_logits(latents), policy)
    assert not torch.allclose(network.critic_logits(latents, BATCH.tasks, actions), critic, atol=1e-3)


def test_a_fresh_policy_is_close_to_uniform_and_a_fresh_critic_expects_the_middle():
    network = make_network(spread=0.0)
    latents = encoded(network)
    assert network.policy_logits(latents).softmax(-1).flatten().tolist() == pytest.approx([0.2] * 60, abs=0.05)
    q = network.q_values(network.critic_logits(latents, BATCH.tasks, candidates()))
    assert q.flatten().tolist() == pytest.approx([0.5] * 30, abs=0.05)


def test_a_task_without_a_dimension_masks_it_and_others_do_not():
    assert make_network().action_mask.tolist() == [[1.0, 1.0], [1.0, 0.0]]


def test_the_heads_of_the_tests_answer_what_they_are_told():
    policy = [[0.1, 0.2, 0.3, 0.3, 0.1], [0.5, 0.2, 0.1, 0.1, 0.1]]
    network = answer_always(make_network(), policy=policy, returns=[0.1, 0.1, 0.1, 0.1, 0.1, 0.5])
    latents = encoded(network)
    assert torch.allclose(network.policy_logits(latents).softmax(-1), torch.tensor(policy).expand(6, -1, -1))
    # 0.1 x (0 + 0.2 + 0.4 + 0.6 + 0.8) + 0.5 x 1 = 0.7.
    q = network.q_values(network.critic_logits(latents, BATCH.tasks, candidates(1)))
    assert q.flatten().tolist() == pytest.approx([0.7] * 6)


def test_buffers_that_the_sizes_determine_are_not_stored():
    stored = make_network().state_dict()
    assert not [
        name for name in stored if name.split(".")[-1] in ("action_values", "returns", "action_mask", "visible")
    ]
    assert "perceiver.encoders.vector.mean" in stored
