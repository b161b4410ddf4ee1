import pytest
import torch

from flywheel.learning.attention import Attention, CrossBlock, Mlp, SelfBlock


def plain_attention(num_heads):
    """Queries, keys, values and the output are what comes in."""
    attention = Attention(width=2, num_heads=num_heads)
    with torch.no_grad():
        attention.query.weight.copy_(torch.eye(2))
        attention.key_value.weight.copy_(torch.eye(2).repeat(2, 1))
        attention.out.weight.copy_(torch.eye(2))
    return attention


QUERY = torch.tensor([[[1.0, 0.0]]])
CONTEXT = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])


def test_a_query_mixes_the_context_by_the_softmax_of_scaled_products():
    # Products 1 and 0, over sqrt(2): softmax(0.70711, 0) = 2.02811 / 3.02811 = 0.66976 and 0.33024.
    assert plain_attention(1)(QUERY, CONTEXT).flatten().tolist() == pytest.approx([0.66976, 0.33024], abs=1e-5)


def test_each_head_attends_with_its_own_part_of_the_width():
    # Head 1: products 1 and 0, over sqrt(1): softmax(1, 0) = 0.73106 of the value 1. Head 2: 0 and 0: half of 1.
    assert plain_attention(2)(QUERY, CONTEXT).flatten().tolist() == pytest.approx([0.73106, 0.5], abs=1e-5)


def test_what_is_not_visible_is_not_attended_to():
    visible = torch.tensor([[False, True]])
    assert plain_attention(1)(QUERY, CONTEXT, visible).flatten().tolist() == [0.0, 1.0]


def test_every_row_of_a_batch_has_its_own_mask():
    visible = torch.tensor([[False, True], [True, False]])
    mixed = plain_attention(1)(QUERY.expand(2, -1, -1), CONTEXT.expand(2, -1, -1), visible)
    assert mixed[:, 0].tolist() == [[0.0, 1.0], [1.0, 0.0]]


def test_the_entropy_of_attention_is_a_share_of_what_it_can_be():
    # 0.66976 and 0.33024: 0.66976 x 0.40084 + 0.33024 x 1.10794 = 0.63435 nats of ln 2 = 0.69315.
    assert plain_attention(1).entropy(QUERY, CONTEXT).item() == pytest.approx(0.91517, abs=1e-4)
    # Head 1: 0.73106 x 0.31326 + 0.26894 x 1.31326 = 0.58220 nats, a share of 0.83994. Head 2: 1.
    assert plain_attention(2).entropy(QUERY, CONTEXT).item() == pytest.approx((0.83994 + 1) / 2, abs=1e-4)


def test_the_entropy_counts_only_what_is_visible():
    context = torch.cat([CONTEXT, torch.tensor([[[9.0, 9.0]]])], dim=1)
    two, one = torch.tensor([[True, True, False]]), torch.tensor([[False, True, False]])
    attention = plain_attention(1)
    assert attention.entropy(QUERY, context, two).item() == pytest.approx(0.91517, abs=1e-4)
    # There is nothing to choose from.
    assert attention.entropy(QUERY, context, one).item() == 1.0
    # Products 1, 0 and 9, over sqrt(2): weights 0.00347, 0.00171, 0.99481, of which 0.03577 nats of ln 3 = 1.09861.
    assert attention.entropy(QUERY, context).item() == pytest.approx(0.03256, abs=1e-4)


def test_the_mlp_cuts_off_below_zero():
    mlp = Mlp(width=1)
    with torch.no_grad():
        mlp.inner.weight.copy_(torch.tensor([[2.0], [-3.0]]))
        mlp.inner.bias.copy_(torch.tensor([1.0, 0.0]))
        mlp.outer.weight.copy_(torch.tensor([[10.0, 100.0]]))
        mlp.outer.bias.fill_(0.5)
    # 1: inside 2 + 1 = 3 and -3 -> 0, so 30.5. -1: inside -2 + 1 -> 0 and 3, so 300.5.
    assert mlp(torch.tensor([[1.0], [-1.0]])).flatten().tolist() == [30.5, 300.5]


@pytest.mark.parametrize("block", [CrossBlock, SelfBlock])
def test_a_block_that_adds_nothing_passes_on_what_it_got(block):
    torch.manual_seed(0)
    made = block(width=4, num_heads=2)
    with torch.no_grad():
        made.attention.out.weight.zero_()
        made.mlp.outer.weight.zero_()
        made.mlp.outer.bias.zero_()
    x = torch.randn(2, 3, 4)
    assert torch.equal(made(x, x) if block is CrossBlock else made(x), x)


def test_queries_of_a_cross_block_do_not_see_one_another():
    torch.manual_seed(0)
    block = CrossBlock(width=4, num_heads=2)
    queries, context = torch.randn(2, 5, 4), torch.randn(2, 3, 4)
    alone = torch.cat([block(queries[:, i : i + 1], context) for i in range(5)], dim=1)
    assert torch.allclose(block(queries, context), alone, atol=1e-6)


def test_a_self_block_treats_all_positions_alike():
    torch.manual_seed(0)
    block = SelfBlock(width=4, num_heads=2)
    latents, order = torch.randn(2, 5, 4), torch.tensor([3, 0, 4, 1, 2])
    assert torch.allclose(block(latents[:, order]), block(latents)[:, order], atol=1e-6)


def test_in_a_self_block_every_position_reads_every_other():
    torch.manual_seed(0)
    block = SelfBlock(width=4, num_heads=2)
    latents = torch.randn(1, 3, 4)
    changed = latents.clone()
    changed[0, 2] = torch.tensor([5.0, -5.0, 3.0, 0.0])
    assert ((block(changed) - block(latents))[0, :2].abs().amax(-1) > 1e-4).all()
