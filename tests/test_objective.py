import dataclasses
from math import log

import pytest
import torch
from networks import answer_always, make_batch, make_network, tensors

from flywheel.learning.losses import sample_bins
from flywheel.learning.objective import Objective

BATCH = tensors(make_batch())
"""Even rows are reach with two action dimensions, odd ones turn with one."""


def make_objective(*, online=None, target=None, **changes):
    settings = {
        "bc_weight": 0.3,
        "critic_weight": 1.0,
        "temperature": 0.1,
        "num_sampled_actions": 4,
        "num_bootstrap_actions": 2,
    }
    return Objective(
        online=online or make_network(seed=1), target=target or make_network(seed=2), **{**settings, **changes}
    )


def loss_of(objective, batch=BATCH, *, seed=0):
    return objective(batch, torch.Generator().manual_seed(seed))


def calls_of(module):
    calls = []
    module.register_forward_hook(lambda *_: calls.append(1))
    return calls


def known_objective(**changes):
    """Heads that answer the same to everything, so that the loss can be worked out.

    The reference policy always takes bin 3 in the first dimension and bin 1 in the second.
    """
    policy = [[0.1, 0.1, 0.1, 0.5, 0.2], [0.2, 0.4, 0.2, 0.1, 0.1]]
    reference = [[0.0, 0.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 0.0, 0.0]]
    return make_objective(
        online=answer_always(make_network(seed=1), policy=policy, returns=[0.1, 0.1, 0.2, 0.2, 0.2, 0.2]),
        target=answer_always(make_network(seed=2), policy=reference, returns=[0.0, 0.0, 0.5, 0.0, 0.0, 0.5]),
        **changes,
    )


KNOWN = dataclasses.replace(
    BATCH,
    tasks=torch.tensor([0, 0, 1, 1, 1, 1]),
    actions=torch.tensor([[1.0, -1.0], [0.5, -0.5], [0.5, 0.0], [1.0, 0.0], [-1.0, 0.0], [-1.0, 0.0]]),
    returns=torch.tensor([0.0, 0.2, 1.0, 0.0, 0.0, 0.0]),
    discounts=torch.tensor([0.5, 1.0, 0.0, 0.0, 0.0, 0.0]),
    cloned=torch.tensor([1.0, 1.0, 1.0, 1.0, 1.0, 0.0]),
)
# Reach: 0.2 x 0.2 and 0.5 x 0.4; turn has no second dimension: 0.5, 0.2, 0.1. The mean of these five: the sixth is not
# worth imitating.
CLONING = -(log(0.04) + log(0.2) + log(0.5) + log(0.2) + log(0.1)) / 5
# The reference's action, bins 3 and 1, whatever its weights: twice 0.5 x 0.4, four times 0.5.
IMPROVEMENT = -(2 * log(0.2) + 4 * log(0.5)) / 6
# Bins 0, 0.2 ... 1 with 0.1, 0.1, 0.2, 0.2, 0.2, 0.2; the target's bootstrap is 0.4 or 1, a half each.
# 0.5 x (0.4, 1) = 0.2 and 0.5: 0.5 to bin 1, 0.25 to each of 2 and 3. 0.2 + (0.4, 1) = 0.6 and 1.2: 0.5 to 3 and to 5.
# Ended with return 1: bin 5. Ended with 0, three times: bin 0.
CRITIC = -(0.5 * log(0.1) + 0.5 * log(0.2) + log(0.2) + log(0.2) + 3 * log(0.1)) / 6


@pytest.mark.parametrize("bc_weight", [0.0, 0.3])
def test_the_loss_joins_improvement_cloning_and_critic(bc_weight):
    loss, figures = loss_of(known_objective(bc_weight=bc_weight, critic_weight=2.0), KNOWN)
    assert figures["cloning_loss"].item() == pytest.approx(CLONING)
    assert figures["improvement_loss"].item() == pytest.approx(IMPROVEMENT)
    assert figures["critic_loss"].item() == pytest.approx(CRITIC, abs=1e-5)
    assert loss.item() == pytest.approx((1 - bc_weight) * IMPROVEMENT + bc_weight * CLONING + 2.0 * CRITIC, abs=1e-5)


def test_with_a_cloning_weight_of_one_the_loss_is_cloning_alone():
    loss, figures = loss_of(known_objective(bc_weight=1.0), KNOWN)
    assert loss.item() == pytest.approx(CLONING)
    assert set(figures) == {"cloning_loss", "entropy"}


def test_the_figures_to_watch():
    _, figures = loss_of(known_objective(), KNOWN)
    # Q = 0.5 x 0.4 + 0.5 x 1 for every action: no spread, and all 4 weights alike.
    assert figures["q"].item() == pytest.approx(0.7)
    assert figures["q_spread"].item() == pytest.approx(0.0, abs=1e-6)
    assert figures["effective_sample_size"].item() == pytest.approx(4.0)
    # First dimension: -(3 x 0.1 ln 0.1 + 0.5 ln 0.5 + 0.2 ln 0.2) = 0.690776 + 0.346574 + 0.321888 = 1.359237 nats.
    # Second: -(2 x 0.2 ln 0.2 + 0.4 ln 0.4 + 2 x 0.1 ln 0.1) = 0.643775 + 0.366516 + 0.460517 = 1.470808 nats.
    # 6 rows use the first, 2 the second.
    assert figures["entropy"].item() == pytest.approx((6 * 1.359237 + 2 * 1.470808) / 8, abs=1e-5)
    assert not any(figure.requires_grad for figure in figures.values())


def test_the_improvement_weighs_the_reference_policys_actions_by_their_worth():
    objective = make_objective(temperature=0.02, num_sampled_actions=16)
    _, figures = loss_of(objective)
    target, online, tasks = objective.target, objective.online, BATCH.tasks
    latents = target.encode(BATCH.observations, tasks)
    sampled = sample_bins(target.policy_logits(latents), 16, torch.Generator().manual_seed(0))
    q = target.q_values(target.critic_logits(latents, tasks, target.action_values[sampled]))
    log_policy = online.policy_logits(online.encode(BATCH.observations, tasks)).log_softmax(-1)
    by_hand = -((q / 0.02).softmax(-1) * online.log_probabilities(log_policy, tasks, sampled)).sum(-1).mean()
    assert figures["improvement_loss"].item() == pytest.approx(by_hand.item(), abs=1e-3)
    assert figures["q"].item() == pytest.approx(q.mean().item(), abs=1e-5)
    assert figures["q_spread"].item() == pytest.approx(q.std(-1).mean().item(), abs=1e-5)
    assert 1.0 <= figures["effective_sample_size"].item() < 15.0


def test_each_state_is_encoded_once_however_many_actions_are_scored():
    for num_actions in (2, 40):
        objective = make_objective(num_sampled_actions=num_actions, num_bootstrap_actions=num_actions)
        online, target = calls_of(objective.online.perceiver), calls_of(objective.target.perceiver)
        loss_of(objective)
        assert (len(online), len(target)) == (1, 1)


def test_cloning_alone_runs_no_critic_no_target_network_and_no_sampling():
    objective = make_objective(bc_weight=1.0)
    untouched = [calls_of(objective.target.perceiver), calls_of(objective.online.critic_decoder)]
    generator = torch.Generator().manual_seed(0)
    before = generator.get_state()
    loss, _ = objective(BATCH, generator)
    loss.backward()
    assert untouched == [[], []]
    assert torch.equal(generator.get_state(), before)
    without = [name for name, parameter in objective.online.named_parameters() if parameter.grad is None]
    assert without
    assert all(name.startswith(("critic", "action_encoder")) for name in without)


def test_no_gradient_reaches_the_target_network():
    objective = make_objective()
    loss_of(objective)[0].backward()
    assert all(parameter.grad is None for parameter in objective.target.parameters())
    assert all(parameter.grad is not None for parameter in objective.online.parameters())


def test_the_critic_learns_from_the_target_networks_critic_and_policy():
    before = loss_of(make_objective())[1]
    for changed in ({"returns": [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]}, {"policy": [[1.0, 0.0, 0.0, 0.0, 0.0]] * 2}):
        target = answer_always(make_network(seed=2), **changed)
        after = loss_of(make_objective(target=target))[1]
        assert after["critic_loss"].item() != pytest.approx(before["critic_loss"].item(), abs=1e-4)
        assert after["cloning_loss"].item() == before["cloning_loss"].item()


def test_after_termination_the_next_observation_does_not_matter():
    ended = dataclasses.replace(BATCH, discounts=torch.zeros(6))
    elsewhere = {name: values + 3.0 for name, values in BATCH.next_observations.items()}
    objective = make_objective()
    before = loss_of(objective, ended)[0].item()
    assert loss_of(objective, dataclasses.replace(ended, next_observations=elsewhere))[0].item() == before
    assert loss_of(objective, dataclasses.replace(BATCH, next_observations=elsewhere))[0].item() != pytest.approx(
        loss_of(objective)[0].item(), abs=1e-5
    )


def test_unused_action_dimensions_do_not_influence_the_loss_or_its_gradient():
    garbage = BATCH.actions.clone()
    garbage[1::2, 1] = torch.tensor([5.0, -0.3, 1.0])
    gradients = []
    for actions in (BATCH.actions, garbage):
        objective = make_objective()
        loss_of(objective, dataclasses.replace(BATCH, actions=actions))[0].backward()
        gradients.append([parameter.grad for parameter in objective.online.parameters()])
    assert all(torch.equal(first, second) for first, second in zip(*gradients, strict=True))


def test_missing_modalities_do_not_influence_the_loss():
    def with_goal(observations):
        changed = observations["goal"].clone()
        changed[1::2] = 1e4
        return {**observations, "goal": changed}

    garbage = dataclasses.replace(
        BATCH, observations=with_goal(BATCH.observations), next_observations=with_goal(BATCH.next_observations)
    )
    objective = make_objective()
    assert loss_of(objective, garbage)[0].item() == loss_of(objective)[0].item()


def test_what_is_not_worth_imitating_is_still_judged_and_improved():
    nothing = dataclasses.replace(BATCH, cloned=torch.zeros(6))
    objective = make_objective()
    (_, before), (_, after) = loss_of(objective), loss_of(objective, nothing)
    assert after["cloning_loss"].item() == 0.0
    assert after["improvement_loss"].item() == before["improvement_loss"].item()
    assert after["critic_loss"].item() == before["critic_loss"].item()
