import dataclasses

import pytest
import torch
from networks import REACH, make_batch, make_network, tensors

from flywheel.core.contract import unite

BATCH = tensors(make_batch())
"""Even rows are reach, odd ones turn."""


def moved(name, amount=7.0, rows=slice(None)):
    observations = {some: values.clone() for some, values in BATCH.observations.items()}
    observations[name][rows] += amount
    return observations


@pytest.fixture
def perceiver():
    return make_network().perceiver


def reaction(perceiver, observations):
    """[B]: the largest change of any latent."""
    before, after = perceiver(BATCH.observations, BATCH.tasks), perceiver(observations, BATCH.tasks)
    return (after - before).abs().amax((1, 2)).detach()


def test_latents_have_a_row_per_learned_latent(perceiver):
    assert perceiver(BATCH.observations, BATCH.tasks).shape == (6, 3, 8)


def test_permuting_the_learned_latents_only_permutes_what_comes_out(perceiver):
    before = perceiver(BATCH.observations, BATCH.tasks)
    order = torch.tensor([2, 0, 1])
    with torch.no_grad():
        perceiver.latents.copy_(perceiver.latents[order])
    assert torch.allclose(perceiver(BATCH.observations, BATCH.tasks), before[:, order], atol=1e-5)


def test_rows_of_a_batch_do_not_influence_one_another(perceiver):
    together = perceiver(BATCH.observations, BATCH.tasks)
    for row in range(6):
        one = {name: values[row : row + 1] for name, values in BATCH.observations.items()}
        assert torch.allclose(perceiver(one, BATCH.tasks[row : row + 1])[0], together[row], atol=1e-5)


@pytest.mark.parametrize(("name", "lacking"), [("goal", slice(1, None, 2)), ("angle", slice(0, None, 2))])
def test_a_missing_modality_changes_nothing_whatever_it_holds(perceiver, name, lacking):
    assert (reaction(perceiver, moved(name, 1e4, rows=lacking)) == 0).all()


@pytest.mark.parametrize(("name", "having"), [("goal", [0, 2, 4]), ("angle", [1, 3, 5]), ("hand", list(range(6)))])
def test_a_modality_that_the_task_has_matters(perceiver, name, having):
    assert torch.nonzero(reaction(perceiver, moved(name, 0.5)) > 1e-4).flatten().tolist() == having


def test_a_difference_is_seen_only_by_tasks_that_have_both_ends(perceiver):
    """Turn has the hand but no goal: the token of the difference is hidden from it."""
    columns = [perceiver.slots.index("to_goal"), len(perceiver.slots) + perceiver.slots.index("to_goal")]
    assert perceiver.visible[:, columns].tolist() == [[True, True], [False, False]]


def test_every_task_sees_its_own_embedding(perceiver):
    before = perceiver(BATCH.observations, BATCH.tasks)
    with torch.no_grad():
        perceiver.task.weight[0] *= -1.0
    change = (perceiver(BATCH.observations, BATCH.tasks) - before).abs().amax((1, 2))
    assert torch.nonzero(change > 1e-4).flatten().tolist() == [0, 2, 4]


def test_each_observation_of_the_history_matters(perceiver):
    for age in range(2):
        observations = {name: values.clone() for name, values in BATCH.observations.items()}
        observations["hand"][:, age] += 0.5
        assert (reaction(perceiver, observations) > 1e-4).all()


def test_the_order_of_the_history_matters(perceiver):
    assert (reaction(perceiver, {name: values.flip(1) for name, values in BATCH.observations.items()}) > 1e-4).all()


def test_at_the_start_of_training_the_age_of_an_observation_says_nothing(perceiver):
    fresh = make_network(spread=0.0).perceiver
    assert (reaction(fresh, {name: values.flip(1) for name, values in BATCH.observations.items()}) < 1e-5).all()


@pytest.mark.parametrize(("part", "even"), [("read", 0), ("blocks", 1)])
def test_latents_that_ask_for_nothing_attend_to_all_alike(perceiver, part, even):
    """Tokens that the task lacks are not among them."""
    before = perceiver.attention_entropies(BATCH.observations, BATCH.tasks)
    assert all(0.0 < share.item() < 0.999 for share in before)
    with torch.no_grad():
        for name, weight in perceiver.named_parameters():
            if name.startswith(part) and name.endswith("attention.query.weight"):
                weight.zero_()
    after = perceiver.attention_entropies(BATCH.observations, BATCH.tasks)
    assert after[even].item() == pytest.approx(1.0)
    assert after[1 - even].item() < 0.999


def test_latents_that_ask_loudly_attend_to_one_alone(perceiver):
    with torch.no_grad():
        for name, weight in perceiver.named_parameters():
            if name.endswith("attention.query.weight"):
                weight *= 1e4
    assert [share.item() for share in perceiver.attention_entropies(BATCH.observations, BATCH.tasks)] == pytest.approx(
        [0.0, 0.0], abs=0.02
    )


def test_nothing_is_masked_where_every_task_has_every_modality():
    alike = unite({"a": REACH, "b": REACH})
    batch = tensors(make_batch(alike))
    perceiver = make_network(alike).perceiver
    assert perceiver.all_visible
    plain = perceiver(batch.observations, batch.tasks)
    perceiver.all_visible = False
    assert torch.allclose(perceiver(batch.observations, batch.tasks), plain, atol=1e-5)


def test_a_kind_of_modality_without_an_encoder_is_refused():
    images = {name: dataclasses.replace(some, kind="hologram") for name, some in REACH.modalities.items()}
    with pytest.raises(KeyError, match="hologram"):
        make_network(unite({"a": dataclasses.replace(REACH, modalities=images)}))
