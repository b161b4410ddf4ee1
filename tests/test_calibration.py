from itertools import product
from math import sqrt

import pytest

from flywheel.core.calibration import (
    ALPHAS,
    BOUNDARIES,
    MARGINS,
    bound,
    calibrate,
    error,
    score,
    tabulated,
    worst_error,
)


def test_the_bound_by_hand():
    # 2.19 sqrt(200 / 25) and at the last look c itself.
    assert bound(2.19, 25, max_pairs=200) == pytest.approx(6.19, abs=0.005)
    assert bound(2.19, 200, max_pairs=200) == 2.19


def test_the_error_is_that_of_counting_every_sequence():
    """4 pairs, looks at 2 and 4, each of the 81 sequences by its probability."""
    boundary, margin, rate = 0.6, 0.2, 0.5
    chances = {1: (rate - margin) / 2, -1: (rate + margin) / 2, 0: 1 - rate}
    expected = 0.0
    for sequence in product(chances, repeat=4):
        passes = any(
            score(sequence[:n].count(1), sequence[:n].count(-1), n, margin) >= boundary * sqrt(4 / n) for n in (2, 4)
        )
        chance = 1.0
        for step in sequence:
            chance *= chances[step]
        expected += chance * passes
    assert 0.05 < expected < 0.5
    assert error(boundary, margin=margin, rate=rate, max_pairs=4, batch=2) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("alpha", [0.05, 0.02])
def test_a_calibrated_boundary_is_the_smallest_whose_error_is_allowed(alpha):
    settings = {"max_pairs": 24, "batch": 8}
    boundary = calibrate(alpha, margins=(0.0, 0.1, 0.2), **settings)
    errors = [worst_error(boundary, margin=margin, **settings) for margin in (0.0, 0.1, 0.2)]
    below = [worst_error(boundary - 0.01, margin=margin, **settings) for margin in (0.0, 0.1, 0.2)]
    assert max(errors) <= alpha < max(below)


def test_the_boundary_of_the_defaults_keeps_its_alpha():
    # The study found 0.0196 for c = 2.19; a hundredth less is too little for one of the margins.
    worst = max(worst_error(2.19, margin=margin, max_pairs=200, batch=25) for margin in MARGINS)
    assert worst == pytest.approx(0.0196, abs=2e-4)


def test_the_table_is_asked_first():
    assert tabulated(0.02, margins=(0.0, 0.1, 0.15), max_pairs=200, batch=25) == 2.19
    assert tabulated(0.02, margins=(0.0, 0.07), max_pairs=200, batch=25) is None
    assert tabulated(0.002, margins=(0.0, 0.1), max_pairs=200, batch=25) is None
    assert tabulated(0.02, margins=(0.0, 0.1), max_pairs=80, batch=20) is None
    assert {tuple(some) for some in BOUNDARIES.values()} == {ALPHAS}


def test_looks_that_do_not_end_at_the_last_pair_are_refused():
    with pytest.raises(ValueError, match="30 pairs are no multiple of 8"):
        calibrate(0.02, margins=(0.1,), max_pairs=30, batch=8)
