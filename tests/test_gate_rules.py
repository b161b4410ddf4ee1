import pytest

from flywheel.core.error_budget import ErrorBudget, Scheme
from flywheel.core.gate_rules import GateRules, NearPerfect
from flywheel.core.label_errors import LabelErrors
from flywheel.core.policy import SuccessRate

EARLIER = {
    "weak": SuccessRate(successes=30, episodes=50),
    "good": SuccessRate(successes=45, episodes=50),
    "perfect": SuccessRate(successes=49, episodes=50),
    "hardly known": SuccessRate(successes=49, episodes=49),
}


def make_rules(**changes):
    values = {
        "budget": ErrorBudget(scheme=Scheme.FWER, total=0.1, attempts=5),
        "max_pairs": 200,
        "batch": 25,
        "margin": 0.15,
        "narrow_margin": 0.1,
    }
    return GateRules(**(values | changes))


def gate_of(earlier, **changes):
    return make_rules(**changes).gate(earlier, alpha=0.02, boundary=2.19, anchor=None)


def test_the_earlier_record_decides_the_margin():
    # 60%, 90%, 98% and 100%.
    assert gate_of(EARLIER).margins == {"weak": 0.15, "good": 0.1, "perfect": 0.1, "hardly known": 0.1}
    assert make_rules().margins_for({"new": SuccessRate(successes=0, episodes=0)}) == {"new": 0.15}


def test_a_task_may_have_a_margin_of_its_own():
    assert gate_of(EARLIER, margins={"weak": 0.05, "elsewhere": 0.3}).margins["weak"] == 0.05


def test_tasks_that_are_near_perfect_are_no_targets_but_are_guarded():
    gate = gate_of(EARLIER)
    assert gate.targets == ("weak", "good", "hardly known")
    assert "perfect" in gate.margins


@pytest.mark.parametrize(("rule", "hold"), [(NearPerfect.NONINFERIORITY, False), (NearPerfect.HOLD, True)])
def test_where_all_is_near_perfect_the_rules_say_what_to_do(rule, hold):
    gate = gate_of({"perfect": EARLIER["perfect"]}, near_perfect=rule)
    assert (gate.targets, gate.hold) == ((), hold)
    assert not gate_of(EARLIER, near_perfect=rule).hold


def test_the_boundary_must_hold_for_the_margins_that_labels_show():
    errors = {"a": LabelErrors(false_positive=0.1, false_negative=0.1)}
    # 0.15 (1 - 0.1 - 0.1); b's labels are exact; 0 is improvement's.
    observed = make_rules(label_errors=errors).observed_margins({"a": 0.15, "b": 0.1})
    assert observed == pytest.approx((0.0, 0.1, 0.12))
    assert make_rules().observed_margins({"a": 0.15, "b": 0.15}) == (0.0, 0.15)
