import pytest
import torch
from networks import CONTRACT, REACH, TURN

from flywheel.core.contract import Body, Modality, unite
from flywheel.learning.encoders import SCALES, VectorEncoder, multi_scale


def test_multi_scale_is_tanh_at_four_scales_one_after_the_other():
    encoded = multi_scale(torch.tensor([[0.5, -1.0]]))
    # 0.5, 1, 2 and 8 times each value: tanh of 0.25 and -0.5, 0.5 and -1, 1 and -2, 4 and -8.
    by_hand = [0.244919, -0.462117, 0.462117, -0.761594, 0.761594, -0.964028, 0.999329, -1.0]
    assert encoded.tolist() == [pytest.approx(by_hand, abs=1e-6)]


def test_some_scale_tells_apart_both_small_and_large_values():
    small = multi_scale(torch.tensor([[0.0], [0.01]]))
    large = multi_scale(torch.tensor([[2.0], [3.0]]))
    # tanh(8 x 0.01) = 0.079830; tanh(0.5 x 3) - tanh(0.5 x 2) = 0.905148 - 0.761594 = 0.143554.
    assert (small[1] - small[0]).max().item() == pytest.approx(0.079830, abs=1e-5)
    assert (large[1] - large[0]).max().item() == pytest.approx(0.143554, abs=1e-5)


def test_a_token_is_the_weighted_sum_of_the_normalised_value_at_all_scales():
    contract = unite({"t": Body(modalities={"x": Modality(width=1)}, differences={}, action_size=1, decision_s=1.0)})
    encoder = VectorEncoder(contract=contract, width=1)
    with torch.no_grad():
        encoder.mean.fill_(1.0)
        encoder.scale.fill_(2.0)
        encoder.weight.copy_(torch.tensor([1.0, 10.0, 100.0, 1000.0])[None, :, None])
        encoder.bias.fill_(0.5)
    # (1.25 - 1) x 2 = 0.5: 1 x 0.2449187 + 10 x 0.4621172 + 100 x 0.7615942 + 1000 x 0.9993293 + 0.5.
    assert encoder({"x": torch.tensor([[[1.25]]])}).shape == (1, 1, 1, 1)
    assert encoder({"x": torch.tensor([[[1.25]]])}).item() == pytest.approx(1080.8548, abs=1e-3)


def test_values_are_stacked_with_their_differences_and_zeros_behind_the_narrow_ones():
    encoder = VectorEncoder(contract=CONTRACT, width=4)
    observations = {
        "hand": torch.tensor([[[1.0, 2.0]]]),
        "goal": torch.tensor([[[5.0, 9.0]]]),
        "angle": torch.tensor([[[7.0]]]),
    }
    stacked = dict(zip(encoder.slots, encoder.stack(observations)[0, 0].tolist(), strict=True))
    assert stacked == {"angle": [7.0, 0.0], "goal": [5.0, 9.0], "hand": [1.0, 2.0], "to_goal": [4.0, 7.0]}


def test_equal_contracts_give_equal_encoders_in_whatever_order_they_list_the_modalities():
    turned_round = unite({"suite/turn": TURN, "suite/reach": REACH}, history=2)
    first, second = (VectorEncoder(contract=some, width=4) for some in (CONTRACT, turned_round))
    assert list(CONTRACT.modalities) != list(turned_round.modalities)
    assert first.slots == second.slots
    second.load_state_dict(first.state_dict())
    torch.manual_seed(0)
    observations = {name: torch.randn(3, 2, some.width) for name, some in CONTRACT.modalities.items()}
    assert torch.equal(first(observations), second(observations))


def test_each_modality_speaks_only_through_its_own_token_and_those_of_its_differences():
    torch.manual_seed(0)
    encoder = VectorEncoder(contract=CONTRACT, width=4)
    observations = {name: torch.randn(1, 2, some.width) for name, some in CONTRACT.modalities.items()}
    moved = observations | {"goal": observations["goal"] + 0.5}
    changed = (encoder(moved) - encoder(observations)).abs().amax((0, 1, 3)) > 1e-3
    assert [slot for slot, some in zip(encoder.slots, changed, strict=True) if some] == ["goal", "to_goal"]


def test_the_statistics_travel_with_the_weights():
    state = VectorEncoder(contract=CONTRACT, width=4).state_dict()
    assert state["mean"].shape == state["scale"].shape == (4, 2)
    assert state["weight"].shape == (4, 2 * len(SCALES), 4)
