from math import sqrt

import pytest

from flywheel.core.calibration import score
from flywheel.core.looks import projected, statistic


def test_the_statistics_of_the_first_example_at_100_pairs():
    assert [statistic(w, lost, 100, 0.1) for w, lost in ((22, 4), (6, 2), (5, 1))] == pytest.approx(
        [5.0200, 3.6267, 3.7811], abs=5e-5
    )
    # (33 - 7) / sqrt(40)
    assert statistic(33, 7, 300, 0.0) == pytest.approx(4.1110, abs=5e-5)


def test_tangos_score_by_hand():
    # A = 200, B = -8 + 196 (-0.1) = -27.6, C = 0.22, q = (27.6 + sqrt(761.76 - 176)) / 400, v = 14.9012.
    q = (27.6 + sqrt(761.76 - 176)) / 400
    assert q == pytest.approx(0.129506, abs=5e-7)
    assert float(score(6, 2, 100, 0.1)) == pytest.approx(14 / sqrt(100 * (2 * q - 0.11)))
    assert statistic(6, 2, 100, 0.1) == pytest.approx(3.6267, abs=5e-5)


def test_of_few_discordant_pairs_nothing_is_said_about_improvement():
    assert statistic(9, 0, 100, 0.0) == 0.0
    assert statistic(10, 0, 100, 0.0) == pytest.approx(sqrt(10))


def test_a_projection_by_hand():
    # n = 50 of 200, 10 wins, no losses: w = 10.5 / 51, l = 0.5 / 51, s = 1.5 sqrt((11 / 51 - (10 / 51)^2) / 51).
    s = 1.5 * sqrt((11 / 51 - (10 / 51) ** 2) / 51)
    assert projected(10, 0, 50, 200) == pytest.approx((10 + 150 * (10.5 / 51 + s), 150 * max(0.5 / 51 - s, 0)))
