import numpy as np

from flywheel.exchange.lerobot_statistics import Gathered, statistics_of


def test_one_episode_by_hand():
    some = statistics_of(np.array([1.0, 2.0, 6.0]))
    assert (some["min"], some["max"], some["mean"], some["count"], some["q50"]) == (1, 6, 3, 3, 2)
    # ((1-3)^2 + (2-3)^2 + (6-3)^2) / 3 = 14 / 3
    np.testing.assert_allclose(some["std"], [np.sqrt(14 / 3)])


def test_episodes_together_are_as_if_they_were_one():
    rng = np.random.default_rng(0)
    parts = [rng.normal(size=(length, 3)) for length in (1, 4, 9)]
    gathered = Gathered()
    for part in parts:
        gathered.add(statistics_of(part))
    total, whole = gathered.total(), statistics_of(np.concatenate(parts))
    for name in ("min", "max", "mean", "std", "count"):
        np.testing.assert_allclose(total[name], whole[name])


def test_quantiles_are_averaged_over_the_frames():
    gathered = Gathered()
    gathered.add(statistics_of(np.array([0.0])))
    gathered.add(statistics_of(np.array([4.0, 4.0, 4.0])))
    # (0 * 1 + 4 * 3) / 4
    assert gathered.total()["q50"] == [3]
