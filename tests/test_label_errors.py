import numpy as np
import pytest

from flywheel.core.label_errors import EXACT, LabelErrors

NOISY = LabelErrors(false_positive=0.1, false_negative=0.2)


def test_a_difference_shrinks_by_hand():
    # p = 0.6 is seen as 0.6 x 0.8 + 0.4 x 0.1 = 0.52, and p = 0.5 as 0.45: 0.07 of 0.1 is left.
    assert NOISY.shrinkage == pytest.approx(0.7)
    assert 0.1 * NOISY.shrinkage == pytest.approx(0.52 - 0.45)


def test_an_interval_is_corrected_by_hand():
    # (0.4 - 0.1) / 0.9 and 0.6 / 0.8
    assert NOISY.corrected(0.4, 0.6) == pytest.approx((1 / 3, 0.75))
    assert NOISY.corrected(0.05, 0.9) == (0.0, 1.0)


def test_a_corrected_interval_holds_every_rate_that_labels_of_such_errors_can_hide():
    for observed in np.linspace(0.0, 1.0, 21):
        lower, upper = NOISY.corrected(observed, observed)
        for false_positive in np.linspace(0.0, 0.1, 5):
            for false_negative in np.linspace(0.0, 0.2, 5):
                true = (observed - false_positive) / (1 - false_positive - false_negative)
                if 0.0 <= true <= 1.0:
                    assert lower - 1e-12 <= true <= upper + 1e-12


def test_exact_labels_change_nothing():
    assert EXACT.shrinkage == 1.0
    assert EXACT.corrected(0.4, 0.6) == (0.4, 0.6)


@pytest.mark.parametrize(("false_positive", "false_negative"), [(0.5, 0.5), (-0.1, 0.0), (1.0, 0.0)])
def test_labels_that_say_nothing_are_refused(false_positive, false_negative):
    with pytest.raises(ValueError, match="label errors"):
        LabelErrors(false_positive=false_positive, false_negative=false_negative)


def test_they_are_the_same_from_a_record():
    assert LabelErrors.of(NOISY.plain) == NOISY
