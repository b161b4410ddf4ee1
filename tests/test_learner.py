import dataclasses

import numpy as np
import pytest
import torch
from builders import make_label
from networks import CONTRACT, answer_always, make_batch, make_learner, make_network, tensors
from torch import nn

from flywheel.core.contract import Body, Modality, unite
from flywheel.core.episode import Episode, Source
from flywheel.core.errors import CheckpointError
from flywheel.core.transition import TransitionBatch, Transitions

CRITIC = ("critic", "action_encoder")


def run(learner, num_updates, *, first=0):
    return [learner.update(make_batch(seed=first + update)) for update in range(num_updates)]


def weights(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


# Going on from where it was


@pytest.mark.parametrize("bc_weight", [0.0, 0.3, 1.0])
def test_restoring_and_going_on_is_never_having_stopped(bc_weight):
    undisturbed = make_learner(bc_weight=bc_weight, warmup_updates=5)
    run(undisturbed, 3)
    state = undisturbed.state()
    figures = run(undisturbed, 4, first=3)
    resumed = make_learner(bc_weight=bc_weight, warmup_updates=5)
    run(resumed, 1, first=77)
    resumed.restore(state)
    assert resumed.num_updates == 3
    for first, second in zip(figures, run(resumed, 4, first=3), strict=True):
        assert same(first, second)
    assert same(undisturbed.state(), resumed.state())


def test_a_state_from_before_the_first_update_can_be_restored():
    learner = make_learner()
    state = learner.state()
    run(learner, 2)
    resumed = make_learner(seed=3)
    run(resumed, 1, first=9)
    resumed.restore(state)
    run(resumed, 2)
    assert same(learner.state(), resumed.state())


def test_a_state_is_a_copy_that_further_updates_leave_alone():
    learner = make_learner()
    run(learner, 1)
    state = learner.state()
    before = {name: value.clone() for name, value in state.items()}
    run(learner, 2, first=1)
    assert same(state, before)


@pytest.mark.parametrize(
    ("lost", "reason"),
    [
        (["num_updates"], "the number of updates is missing"),
        (["optimizer.0.exp_avg"], "the optimiser's state of parameter 0 does not fit"),
        ([f"optimizer.{number}." for number in range(200)], "the optimiser's state after 1 updates is missing"),
    ],
)
def test_a_state_that_is_not_whole_is_refused(lost, reason):
    learner = make_learner()
    learner.update(make_batch())
    state = {name: value for name, value in learner.state().items() if not name.startswith(tuple(lost))}
    with pytest.raises(CheckpointError, match=reason):
        make_learner().restore(state)


def test_a_restored_learner_leaves_the_state_alone():
    learner = make_learner()
    run(learner, 1)
    state = learner.state()
    before = {name: value.clone() for name, value in state.items()}
    learner.restore(state)
    run(learner, 2, first=1)
    assert same(state, before)


def test_the_same_seed_and_batches_give_the_same_weights():
    first, second, other = make_learner(), make_learner(), make_learner(seed=4)
    for learner in (first, second, other):
        run(learner, 2)
    assert same(first.state(), second.state())
    assert not same(first.state(), other.state())


def test_weights_of_a_parent_are_taken_without_its_optimiser_and_its_count():
    parent = make_learner(bc_weight=1.0)
    run(parent, 3)
    child = make_learner(bc_weight=0.3, seed=8)
    child.load_weights(parent.state())
    assert child.num_updates == 0
    assert not child.optimizer.state
    assert same(weights(child.online), weights(parent.online))
    assert same(weights(child.target), weights(parent.target))


def test_weights_of_another_network_are_refused():
    with pytest.raises(CheckpointError, match="the weights do not fit the network"):
        make_learner().load_weights(make_learner(sizes={"width": 4}).state())


# One update


@pytest.mark.parametrize("target_rate", [0.1, 1.0])
def test_the_target_network_moves_by_its_rate_towards_the_learner(target_rate):
    learner = make_learner(target_rate=target_rate)
    run(learner, 2)
    before = weights(learner.target)
    run(learner, 1, first=2)
    online, target = weights(learner.online), weights(learner.target)
    for name in before:
        by_hand = (1 - target_rate) * before[name] + target_rate * online[name]
        assert torch.allclose(target[name], by_hand, atol=1e-7), name
    assert same(target, online) == (target_rate == 1.0)


def test_the_target_network_starts_equal_to_the_learner():
    learner = make_learner()
    assert same(weights(learner.target), weights(learner.online))
    assert not any(parameter.requires_grad for parameter in learner.target.parameters())


@pytest.mark.parametrize(
    ("warmup_updates", "by_hand"), [(4, [0.2, 0.4, 0.6, 0.8, 0.8]), (1, [0.8] * 5), (0, [0.8] * 5)]
)
def test_the_learning_rate_rises_in_equal_steps_to_its_value(warmup_updates, by_hand):
    learner = make_learner(learning_rate=0.8, warmup_updates=warmup_updates)
    rates = []
    for update in range(5):
        learner.update(make_batch(seed=update))
        rates.append(learner.optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx(by_hand)


def gradients(learner):
    return {name: parameter.grad.clone() for name, parameter in learner.online.named_parameters()}


def test_gradients_are_scaled_down_to_the_largest_norm_allowed():
    free, bound = make_learner(max_gradient_norm=1e6), make_learner(max_gradient_norm=0.01)
    (figures,), (bound_figures,) = run(free, 1), run(bound, 1)
    norm = torch.stack([gradient.norm() for gradient in gradients(free).values()]).norm().item()
    assert norm > 0.1
    # The figure is the norm before clipping, so that one sees how much was cut off.
    assert figures["gradient_norm"].item() == pytest.approx(norm, rel=1e-5)
    assert bound_figures["gradient_norm"].item() == pytest.approx(norm, rel=1e-5)
    clipped = gradients(bound)
    for name, gradient in gradients(free).items():
        assert torch.allclose(clipped[name], gradient * (0.01 / norm), rtol=1e-4, atol=1e-9), name


def test_an_update_reports_figures_without_gradient():
    (figures,) = run(make_learner(), 1)
    assert set(figures) == {
        "loss", "gradient_norm", "cloning_loss", "improvement_loss", "critic_loss", "entropy", "q", "q_spread",
        "effective_sample_size",
    }  # fmt: skip
    assert all(figure.shape == () and not figure.requires_grad for figure in figures.values())


@pytest.mark.parametrize("bc_weight", [0.3, 1.0])
def test_inspecting_changes_nothing_to_the_last_bit(bc_weight):
    inspected, plain = make_learner(bc_weight=bc_weight), make_learner(bc_weight=bc_weight)
    draws = torch.get_rng_state()
    for update in range(3):
        batch = make_batch(seed=update)
        inspected.inspect(batch)
        assert same(inspected.update(batch), plain.update(batch))
    assert torch.equal(torch.get_rng_state(), draws)
    assert same(inspected.state(), plain.state())


def test_what_inspecting_says():
    learner = make_learner()
    answer_always(learner.target, returns=[0.0, 0.0, 0.5, 0.0, 0.0, 0.5])
    figures = learner.inspect(make_batch())
    shares = figures.pop("cross_attention_entropy"), figures.pop("latent_attention_entropy")
    assert all(0.0 < share < 1.0 for share in shares)
    assert figures == pytest.approx(
        {
            "entropy_limit": 1.609438,  # ln 5
            "num_samples": 4,
            "q_data": 0.7,  # 0.5 x 0.4 + 0.5 x 1
            "observed_return": 0.25,  # 0, 0.1 ... 0.5
            "unobserved_discount": 0.4,  # 0, 0.16 ... 0.8
        }
    )


def test_q_of_the_data_is_the_target_networks_of_the_actions_that_were_taken():
    learner, batch = make_learner(), make_batch()
    learner.target.load_state_dict(make_network().state_dict())
    before = learner.inspect(batch)["q_data"]
    some, network = tensors(batch), learner.target
    latents = network.encode(some.observations, some.tasks)
    by_hand = network.q_values(network.critic_logits(latents, some.tasks, some.actions[:, None])).mean()
    assert before == pytest.approx(by_hand.item(), abs=1e-6)
    assert learner.inspect(dataclasses.replace(batch, actions=-batch.actions))["q_data"] != pytest.approx(before)


def test_a_learner_that_only_clones_has_no_critic_to_inspect():
    assert make_learner(bc_weight=1.0).inspect(make_batch()).keys() == {
        "entropy_limit", "cross_attention_entropy", "latent_attention_entropy",
    }  # fmt: skip


def test_cloning_alone_leaves_the_critic_to_the_last_bit():
    """Not even weight decay touches it."""
    learner = make_learner(bc_weight=1.0, weight_decay=0.1, learning_rate=0.1)
    before = weights(learner.online)
    run(learner, 3)
    after = weights(learner.online)
    unchanged = {name for name in before if torch.equal(before[name], after[name])}
    assert unchanged == {name for name in before if name.startswith(CRITIC)} | {
        "perceiver.encoders.vector.mean",
        "perceiver.encoders.vector.scale",
    }


def test_workers_of_another_rank_draw_other_actions():
    losses = [run(make_learner(rank=rank), 1)[0]["loss"].item() for rank in (0, 0, 1)]
    assert losses[0] == losses[1] != losses[2]


def test_actions_are_drawn_anew_at_every_update():
    """Nothing moves at a learning rate of almost nothing, but for what is drawn."""
    learner = make_learner(learning_rate=1e-20, weight_decay=0.0)
    first, second = (learner.update(make_batch(seed=0)) for _ in range(2))
    assert first["cloning_loss"].item() == second["cloning_loss"].item()
    assert first["improvement_loss"].item() != second["improvement_loss"].item()


def test_the_objective_may_be_wrapped_for_many_workers():
    class Counting(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner, self.calls = inner, 0

        def forward(self, *args):
            self.calls += 1
            return self.inner(*args)

    wrapped = []

    def wrap(module):
        wrapped.append(Counting(module))
        return wrapped[0]

    dressed, plain = make_learner(wrap=wrap), make_learner()
    run(dressed, 2)
    run(plain, 2)
    assert wrapped[0].calls == 2
    assert same(dressed.state(), plain.state())


# Normalisation


def episode_of(task, observations, *, action_size):
    steps = len(next(iter(observations.values()))) - 1
    return Episode(
        episode_id=task,
        task=task,
        scene="table",
        source=Source.DEMONSTRATION,
        iteration=0,
        behaviour_policy="demonstrator",
        seed=0,
        initial_state="",
        decision_s=0.1,
        observations={name: np.array(values, np.float32) for name, values in observations.items()},
        actions=np.zeros((steps, action_size), np.float32),
        rewards=np.zeros(steps, np.float32),
        successes=np.zeros(steps, np.bool_),
        facts={},
        scored=True,
        terminated=False,
        truncated=True,
    )


@pytest.fixture
def statistics():
    """Slot -> mean, scale; of two decisions of reach and one of turn. Last observations start no transition."""
    far = [99.0, 99.0]
    reach = {"hand": [[1.0, 5.0], [3.0, 5.0], far], "goal": [[4.0, 8.0], [4.0, 2.0], far]}
    turn = {"hand": [[8.0, 5.0], far], "angle": [[0.25], [99.0]]}
    episodes = [
        episode_of("suite/reach", reach, action_size=2),
        episode_of("suite/turn", turn, action_size=1),
    ]
    transitions = Transitions.of(
        episodes,
        {episode.episode_id: [make_label(episode)] for episode in episodes},
        contract=CONTRACT,
        discount=0.9,
        num_steps=1,
    )
    learner = make_learner()
    learner.fit_normalisation(transitions)
    assert same(weights(learner.target), weights(learner.online))
    encoder = learner.online.perceiver.encoders["vector"]
    return {
        name: (mean.tolist(), scale.tolist())
        for name, mean, scale in zip(encoder.slots, encoder.mean, encoder.scale, strict=True)
    }


def test_statistics_come_from_the_tasks_that_have_the_modality(statistics):
    # Goal, of reach alone: 4, 4 and 8, 2. Mean 5 and spread 3 of the second; the first never changes.
    assert statistics["goal"] == ([4.0, 5.0], [0.0, pytest.approx(1 / 3)])


def test_statistics_of_a_shared_modality_come_from_all_tasks(statistics):
    # Hand, of three observations: 1, 3, 8. Mean 4, squares 9 + 1 + 16 = 26, variance 26 / 3.
    assert statistics["hand"] == (pytest.approx([4.0, 5.0]), [pytest.approx((3 / 26) ** 0.5), 0.0])


def test_a_value_that_never_changes_says_nothing(statistics):
    # Angle has one observation; behind it there is nothing at all.
    assert statistics["angle"] == ([0.25, 0.0], [0.0, 0.0])


def test_differences_keep_their_zero_and_are_scaled_by_their_size(statistics):
    # Goal minus hand: 3, 1 and 3, -3. Root mean squares sqrt((9 + 1) / 2) and sqrt((9 + 9) / 2).
    assert statistics["to_goal"] == ([0.0, 0.0], pytest.approx([1 / 5**0.5, 1 / 3]))


# What it is for


BANDIT = unite({"bandit": Body(modalities={"x": Modality(width=1)}, differences={}, action_size=1, decision_s=1.0)})


def bandit_batch(rng):
    """The action 0.5 gives 1, all others 0; three decisions of four are -1, the others any of the five."""
    actions = np.where(rng.random(64) < 0.75, -1.0, rng.choice(np.linspace(-1, 1, 5), 64)).astype(np.float32)
    observations = {"x": np.ones((64, 1, 1), np.float32)}
    return TransitionBatch(
        observations=observations,
        next_observations=observations,
        tasks=np.zeros(64, np.int64),
        actions=actions[:, None],
        returns=(actions == 0.5).astype(np.float32),
        discounts=np.zeros(64, np.float32),
        cloned=np.ones(64, np.float32),
        observed_returns=np.zeros(64, np.float32),
        unobserved_discounts=np.zeros(64, np.float32),
    )


def bandit_policy(bc_weight):
    """[V] after 200 updates on decisions of which one in twenty was good."""
    learner = make_learner(
        BANDIT,
        sizes={"num_return_bins": 2},
        bc_weight=bc_weight,
        learning_rate=5e-3,
        target_rate=0.05,
        num_sampled_actions=8,
        warmup_updates=10,
    )
    rng = np.random.default_rng(3)
    for _ in range(200):
        learner.update(bandit_batch(rng))
    with torch.no_grad():
        logits = learner.target.policy_logits(learner.target.encode({"x": torch.ones(1, 1, 1)}, torch.tensor([0])))
    return logits[0, 0].softmax(-1).tolist()


def test_cloning_repeats_what_was_mostly_done():
    # 3/4 and a fifth of 1/4: 0.8; a fifth of 1/4 for each of the others.
    assert bandit_policy(1.0) == pytest.approx([0.8, 0.05, 0.05, 0.05, 0.05], abs=0.04)


def test_actor_critic_finds_what_was_rarely_done_and_rewarded():
    # 0.7 of the best and 0.3 of what was done: 0.7 + 0.3 x 0.05 for the good action, 0.3 x 0.8 for the usual one.
    assert bandit_policy(0.3) == pytest.approx([0.24, 0.015, 0.015, 0.715, 0.015], abs=0.04)


def test_without_cloning_only_the_rewarded_action_is_left():
    assert bandit_policy(0.0) == pytest.approx([0.0, 0.0, 0.0, 1.0, 0.0], abs=0.04)


def test_relabelled_failures_are_not_cloned():
    """What is marked as not worth imitating leaves the policy where weights of zero leave it."""
    learner = make_learner(bc_weight=1.0, weight_decay=0.0)
    before = weights(learner.online)
    learner.update(dataclasses.replace(make_batch(), cloned=np.zeros(6, np.float32)))
    assert same(weights(learner.online), before)
