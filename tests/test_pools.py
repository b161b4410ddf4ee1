import numpy as np

from flywheel.core.pools import Pools


def test_pools_are_drawn_by_weight_and_their_members_uniformly():
    pools = Pools(members=np.array([10, 20, 30, 31]), pools=np.array([0, 1, 2, 2]), weights=np.array([1.0, 0.0, 3.0]))
    found = pools.draw(np.random.default_rng(0), 20_000)
    shares = [np.mean(found == member) for member in (10, 20, 30, 31)]
    # Standard deviation of a share of 3/8 in 20,000 draws: 0.0034.
    assert np.allclose(shares, [0.25, 0.0, 0.375, 0.375], atol=0.015)


def test_the_same_generator_draws_the_same():
    pools = Pools(members=np.arange(100), pools=np.arange(100) % 7, weights=np.ones(7))
    first, again = (pools.draw(np.random.default_rng(5), 50).tolist() for _ in range(2))
    assert first == again


def test_an_empty_pool_that_weighs_nothing_is_legal():
    pools = Pools(members=np.array([5]), pools=np.array([1]), weights=np.array([0.0, 1.0, 0.0]))
    assert set(pools.draw(np.random.default_rng(0), 10).tolist()) == {5}
