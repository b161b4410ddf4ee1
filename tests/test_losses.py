from math import log

import pytest
import torch

from flywheel.learning import losses

HALVES = torch.linspace(0.0, 1.0, 3)
"""Return bins 0, 0.5 and 1."""


def projected(probabilities, *, returns, discount, support=HALVES):
    target = losses.bellman_target(
        torch.tensor([probabilities]), support, torch.tensor([returns]), torch.tensor([discount])
    )
    return target[0].tolist()


# Policy improvement


def test_weights_are_the_softmax_of_q_over_the_temperature():
    # exp(0 / 0.5) = 1, exp(0.5 / 0.5) = 2.71828, exp(1 / 0.5) = 7.38906; they sum to 11.10734.
    weights = losses.improvement_weights(torch.tensor([[0.0, 0.5, 1.0]]), 0.5)
    assert weights.tolist() == [pytest.approx([1 / 11.10734, 2.71828 / 11.10734, 7.38906 / 11.10734], abs=1e-5)]


def test_weights_do_not_depend_on_what_all_actions_are_worth_together():
    q = torch.tensor([[0.1, 0.2, 0.4]])
    assert torch.allclose(losses.improvement_weights(q + 7.0, 0.1), losses.improvement_weights(q, 0.1), atol=1e-5)


def test_a_tiny_temperature_takes_the_best_action_without_overflow():
    assert losses.improvement_weights(torch.tensor([[0.2, 0.9, 0.1]]), 1e-6).tolist() == [[0.0, 1.0, 0.0]]


def test_weights_carry_no_gradient():
    q = torch.tensor([[0.1, 0.9]], requires_grad=True)
    assert not losses.improvement_weights(q, 0.5).requires_grad


def test_the_effective_sample_size_is_n_for_equal_weights_and_1_for_one_that_takes_all():
    weights = torch.tensor([[0.25, 0.25, 0.25, 0.25], [0.0, 1.0, 0.0, 0.0], [0.5, 0.25, 0.25, 0.0]])
    # 1 / (4 x 1/16), 1 / 1, 1 / (1/4 + 1/16 + 1/16) = 8/3.
    assert losses.effective_sample_size(weights).tolist() == pytest.approx([4.0, 1.0, 8 / 3])


def test_policy_improvement_is_the_weighted_negative_log_probability():
    log_probs = torch.tensor([[log(0.5), log(0.25)], [log(0.1), log(0.2)]])
    weights = torch.tensor([[0.75, 0.25], [0.0, 1.0]])
    # 0.75 x 0.693147 + 0.25 x 1.386294 = 0.866434; 1.609438.
    assert losses.policy_improvement_loss(log_probs, weights).tolist() == pytest.approx([0.866434, 1.609438])


# Behaviour cloning


def test_cloning_is_the_negative_log_probability_of_what_is_worth_imitating():
    log_probs = torch.tensor([log(0.5), log(0.1), log(0.25)])
    loss = losses.behaviour_cloning_loss(log_probs, torch.tensor([1.0, 0.0, 1.0]))
    assert loss.tolist() == pytest.approx([0.693147, 0.0, 1.386294])


# The critic


def test_the_critics_loss_is_the_cross_entropy_to_its_target():
    # exp of 0, 0 and ln 2 is 1, 1, 2: probabilities 0.25, 0.25, 0.5.
    logits = torch.tensor([[0.0, 0.0, log(2.0)], [0.0, 0.0, log(2.0)]])
    target = torch.tensor([[0.5, 0.0, 0.5], [0.0, 1.0, 0.0]])
    # 0.5 x 1.386294 + 0.5 x 0.693147 = 1.039721; 1.386294.
    assert losses.critic_loss(logits, target).tolist() == pytest.approx([1.039721, 1.386294])


def test_the_gradient_of_the_critics_loss_is_the_difference_of_the_distributions():
    logits = torch.tensor([[0.0, 0.0, log(2.0)]], requires_grad=True)
    losses.critic_loss(logits, torch.tensor([[0.5, 0.0, 0.5]])).sum().backward()
    # 0.25 - 0.5, 0.25 - 0, 0.5 - 0.5.
    assert logits.grad.tolist() == [pytest.approx([-0.25, 0.25, 0.0], abs=1e-6)]


def test_a_target_that_hits_bins_moves_whole():
    # 0.5 + 1 x (0, 0.5) = 0.5 and 1.
    assert projected([0.25, 0.75, 0.0], returns=0.5, discount=1.0) == [0.0, 0.25, 0.75]


def test_a_target_halfway_between_bins_is_halved():
    # 0.25 + 0.5 x (0, 0.5, 1) = 0.25, 0.5, 0.75: a half of 0.2 to 0 and 0.5, 0.3 to 0.5, a half of 0.5 to 0.5 and 1.
    assert projected([0.2, 0.3, 0.5], returns=0.25, discount=0.5) == pytest.approx([0.1, 0.1 + 0.3 + 0.25, 0.25])


def test_a_target_between_bins_gives_more_to_the_nearer_one():
    # 0 + 0.8 x (0, 0.5, 1) = 0, 0.4, 0.8. 0.4 is 4/5 of the way to 0.5; 0.8 is 3/5 of the way from 0.5 to 1.
    assert projected([0.0, 0.5, 0.5], returns=0.0, discount=0.8) == pytest.approx(
        [0.5 * 0.2, 0.5 * 0.8 + 0.5 * 0.4, 0.5 * 0.6]
    )


def test_values_beyond_the_ends_go_to_the_ends():
    # 0.75 + (0, 0.5, 1) = 0.75, 1.25, 1.75: 0.2 halved between 0.5 and 1, the rest to 1.
    assert projected([0.2, 0.3, 0.5], returns=0.75, discount=1.0) == pytest.approx([0.0, 0.1, 0.9])
    # -2 + (0, 0.5, 1) = -2, -1.5, -1: all to 0.
    assert projected([0.2, 0.3, 0.5], returns=-2.0, discount=1.0) == pytest.approx([1.0, 0.0, 0.0])


@pytest.mark.parametrize(
    ("returns", "by_hand"),
    [(0.0, [1, 0, 0]), (0.5, [0, 1, 0]), (1.0, [0, 0, 1]), (0.25, [0.5, 0.5, 0]), (0.9, [0, 0.2, 0.8])],
)
def test_after_termination_only_the_return_counts(returns, by_hand):
    assert projected([0.2, 0.3, 0.5], returns=returns, discount=0.0) == pytest.approx(by_hand, abs=1e-6)


def test_bins_may_start_below_zero():
    # Bins -1, 0, 1. -0.5 + 0.5 x (-1, 0, 1) = -1, -0.5, 0.
    target = projected([0.5, 0.3, 0.2], returns=-0.5, discount=0.5, support=torch.linspace(-1.0, 1.0, 3))
    assert target == pytest.approx([0.5 + 0.15, 0.15 + 0.2, 0.0])


def test_every_transition_has_its_own_return_and_discount():
    target = losses.bellman_target(
        torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]]), HALVES, torch.tensor([0.0, 1.0]), torch.tensor([0.5, 0.0])
    )
    assert target.tolist() == [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]


def test_a_target_stays_a_distribution_whose_mean_is_the_bellman_backup():
    """As long as nothing lies beyond the ends."""
    generator = torch.Generator().manual_seed(0)
    support = torch.linspace(0.0, 1.0, 51)
    probabilities = torch.rand(200, 51, generator=generator)
    probabilities /= probabilities.sum(-1, keepdim=True)
    discounts = torch.rand(200, generator=generator)
    returns = torch.rand(200, generator=generator) * (1 - discounts)
    target = losses.bellman_target(probabilities, support, returns, discounts)
    assert (target >= -1e-7).all()
    assert torch.allclose(target.sum(-1), torch.ones(200), atol=1e-5)
    assert torch.allclose(target @ support, returns + discounts * (probabilities @ support), atol=1e-5)


def test_a_target_does_not_change_the_distribution_it_is_made_from():
    probabilities = torch.tensor([[0.2, 0.3, 0.5]])
    losses.bellman_target(probabilities, HALVES, torch.tensor([0.3]), torch.tensor([0.9]))
    assert probabilities.tolist() == [pytest.approx([0.2, 0.3, 0.5])]


# The joint loss

TWO = {
    "improvement": torch.tensor([1.0, 3.0]),
    "cloning": torch.tensor([10.0, 30.0]),
    "critic": torch.tensor([100.0, 300.0]),
}


@pytest.mark.parametrize(
    ("bc_weight", "by_hand"),
    [
        (0.0, 2.0 + 0.5 * 200.0),
        (0.3, 0.7 * 2.0 + 0.3 * 20.0 + 0.5 * 200.0),
        (1.0, 20.0 + 0.5 * 200.0),
    ],
)
def test_the_joint_loss_moves_from_reinforcement_to_cloning(bc_weight, by_hand):
    # Means over the batch: improvement 2, cloning 20, critic 200.
    assert losses.joint_loss(**TWO, bc_weight=bc_weight, critic_weight=0.5).item() == pytest.approx(by_hand)


def test_the_critic_counts_by_its_weight():
    # 0.7 x 2 + 0.3 x 20 = 7.4, and 200 or 0 on top.
    assert losses.joint_loss(**TWO, bc_weight=0.3, critic_weight=1.0).item() == pytest.approx(207.4)
    assert losses.joint_loss(**TWO, bc_weight=0.3, critic_weight=0.0).item() == pytest.approx(7.4)


# Drawing actions

QUARTERS = torch.tensor([[[0.0, 0.0, -torch.inf, 0.0, 0.0]]])
"""[1, 1, 5]: four bins of 0.25 each, and one of 0 between them; exact in binary."""


@pytest.mark.parametrize(
    ("uniform", "bin_"),
    [(0.0, 0), (0.2499, 0), (0.25, 1), (0.4999, 1), (0.5, 3), (0.7499, 3), (0.75, 4), (1 - 2**-24, 4)],
)
def test_a_uniform_number_picks_the_bin_whose_share_of_the_unit_interval_it_lies_in(uniform, bin_):
    assert losses.bins_at(QUARTERS, torch.tensor([[[uniform]]])).tolist() == [[[bin_]]]


def test_a_bin_without_probability_is_not_picked_even_by_zero():
    logits = torch.tensor([[[-torch.inf, 0.0, 0.0]]])
    assert losses.bins_at(logits, torch.zeros(1, 1, 1)).tolist() == [[[1]]]


def test_rounding_at_the_top_does_not_leave_the_bins():
    logits = torch.randn(1, 50, 101, generator=torch.Generator().manual_seed(0))
    assert losses.bins_at(logits, torch.full((1, 1, 50), 1 - 2**-24)).max() <= 100


def test_each_action_dimension_is_drawn_from_its_own_distribution_by_its_own_number():
    logits = torch.tensor([[[0.5, 0.25, 0.25], [0.25, 0.25, 0.5]]]).log()
    uniforms = torch.tensor([[[0.6, 0.3], [0.1, 0.9]]])
    # First dimension: 0.6 is in [0.5, 0.75), 0.1 in [0, 0.5). Second: 0.3 in [0.25, 0.5), 0.9 in [0.5, 1).
    assert losses.bins_at(logits, uniforms).tolist() == [[[1, 1], [0, 2]]]


def test_sampled_actions_are_as_frequent_as_the_policy_says():
    policy = torch.tensor([[[0.1, 0.2, 0.7], [0.6, 0.4, 0.0]], [[0.3, 0.3, 0.4], [0.05, 0.05, 0.9]]])
    bins = losses.sample_bins(policy.log(), 20_000, torch.Generator().manual_seed(0))
    assert bins.shape == (2, 20_000, 2)
    frequencies = torch.nn.functional.one_hot(bins, 3).float().mean(1)
    # Standard deviation of a frequency near one half in 20,000 draws: sqrt(0.25 / 20,000) = 0.0035.
    assert torch.allclose(frequencies, policy, atol=0.014)


def test_dimensions_are_drawn_independently_of_one_another():
    bins = losses.sample_bins(torch.zeros(1, 2, 2), 20_000, torch.Generator().manual_seed(0))[0]
    joint = torch.bincount(2 * bins[:, 0] + bins[:, 1], minlength=4) / 20_000
    assert joint.tolist() == pytest.approx([0.25] * 4, abs=0.013)


def test_the_same_generator_draws_the_same_actions():
    def drawn(seed):
        return losses.sample_bins(torch.zeros(3, 2, 5), 4, torch.Generator().manual_seed(seed)).tolist()

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_logits_need_not_be_normalised():
    uniforms = torch.rand(1, 100, 1, generator=torch.Generator().manual_seed(0))
    assert torch.equal(losses.bins_at(QUARTERS + 3.0, uniforms), losses.bins_at(QUARTERS, uniforms))
