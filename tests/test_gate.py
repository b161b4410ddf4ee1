import json
from math import sqrt

import numpy as np
import pytest
from gating import make_gate, pairs_of

from flywheel.core.calibration import score
from flywheel.core.episode import Outcome
from flywheel.core.gate import IMPROVEMENT, Against, Decision, PromotionGate, judge_first, projected, statistic
from flywheel.core.label_errors import LabelErrors
from flywheel.core.pairs import Improvement, counted
from flywheel.core.policy import SuccessRate


def z_of(look, name):
    (test,) = [test for test in look.tests if test.name == name]
    return test.statistic


BETTER = {
    "a": pairs_of((50, 11, 2), (100, 22, 4)),
    "b": pairs_of((50, 3, 1), (100, 6, 2)),
    "c": pairs_of((50, 2, 0), (100, 5, 1)),
}
"""The first worked example."""


def test_a_better_candidate_goes_on_at_50_pairs_and_is_promoted_at_100():
    gate = make_gate()
    early = gate.judge({task: letters[:50] for task, letters in BETTER.items()})
    assert early.decision is Decision.CONTINUE
    assert early.needs == {"a": 75, "b": 75, "c": 75}
    verdict = gate.judge(BETTER)
    assert verdict.decision is Decision.PROMOTE
    assert verdict.reason == "not worse on any task and better over 3 tasks (z 4.11) after 100 pairs"
    # b(100) = 2.19 sqrt(200 / 100)
    assert verdict.looks[-1].bound == pytest.approx(3.0971, abs=5e-5)
    assert z_of(verdict.looks[-1], "b") == pytest.approx(3.6267, abs=5e-5)
    assert z_of(verdict.looks[-1], "c") == pytest.approx(3.7811, abs=5e-5)


def test_the_statistics_of_the_first_example_at_100_pairs():
    assert [statistic(w, lost, 100, 0.1) for w, lost in ((22, 4), (6, 2), (5, 1))] == pytest.approx(
        [5.0200, 3.6267, 3.7811], abs=5e-5
    )
    # (33 - 7) / sqrt(40)
    assert statistic(33, 7, 300, 0.0) == pytest.approx(4.1110, abs=5e-5)


def test_pairs_without_a_difference_pass_where_no_improvement_is_asked_for():
    gate = make_gate(targets=())
    early = gate.judge({task: "B" * 75 for task in "abc"})
    assert early.decision is Decision.CONTINUE
    assert [test.statistic for test in early.looks[-1].tests] == pytest.approx([2.8868] * 3, abs=5e-5)
    assert early.looks[-1].bound == pytest.approx(3.5763, abs=5e-5)
    verdict = gate.judge({task: "B" * 100 for task in "abc"})
    assert verdict.decision is Decision.PROMOTE
    assert verdict.reason == "not worse on any task after 100 pairs; no improvement is asked for"
    assert [test.statistic for test in verdict.looks[-1].tests] == pytest.approx([3.3333] * 3, abs=5e-5)


def test_a_task_that_is_lost_is_given_up():
    # All counts of the third example come late, so that nothing is given up at 50.
    counts = {"a": (20, 4), "b": (4, 16), "c": (6, 5)}
    pairs = {task: "B" * (75 - sum(some)) + "W" * some[0] + "L" * some[1] for task, some in counts.items()}
    pairs["b"] = "W" * 4 + "B" * 55 + "L" * 16
    verdict = make_gate().judge(pairs)
    assert verdict.decision is Decision.REJECT
    assert verdict.reason == "futile:b is out of reach after 75 pairs, z at best 1.32 of 2.19"
    assert z_of(verdict.looks[-1], "b") == pytest.approx(-1.0658, abs=5e-5)
    assert z_of(verdict.looks[-1], "c") == pytest.approx(2.2774, abs=5e-5)
    assert z_of(verdict.looks[-1], IMPROVEMENT) == pytest.approx(0.6742, abs=5e-5)
    assert statistic(20, 4, 75, 0.1) == pytest.approx(4.4982, abs=5e-5)
    (test,) = [test for test in verdict.looks[-1].tests if test.name == "b"]
    assert test.at_best == pytest.approx(1.3244, abs=5e-5)


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


def test_what_is_not_shown_by_the_last_pair_is_rejected():
    # 8 wins and 16 losses, evenly spread: never shown, never out of reach.
    verdict = make_gate("a", targets=(), boundary=2.25).judge({"a": ("W" * 2 + "L" * 4 + "B" * 44) * 4})
    assert verdict.decision is Decision.REJECT
    assert verdict.reason == f"budget:a not shown by 200 pairs, z {statistic(8, 16, 200, 0.1):.2f} of 2.25"
    assert [look.pairs for look in verdict.looks] == list(range(25, 201, 25))


def test_a_candidate_that_is_only_as_good_is_not_shown_to_be_better():
    verdict = make_gate("a").judge({"a": ("W" * 10 + "L" * 10 + "B" * 5) * 8})
    assert verdict.reason.startswith(("budget:improvement", "futile:improvement"))


def test_what_passed_stays_passed():
    # a passes at 75 and then loses all it had won.
    pairs = {"a": pairs_of((75, 20, 0), (200, 20, 60)), "b": "B" * 200}
    verdict = make_gate("ab", targets=()).judge(pairs)
    assert verdict.decision is Decision.PROMOTE
    assert [[test.name for test in look.tests] for look in verdict.looks][-1] == ["b"]


def test_tasks_that_passed_need_no_more_pairs_unless_the_improvement_does():
    pairs = {"a": pairs_of((75, 25, 0)), "b": pairs_of((75, 8, 4))}
    assert make_gate("ab", targets=("b",)).judge(pairs).needs == {"b": 100}
    assert make_gate("ab", targets=("a",)).judge(pairs).needs == {"b": 100}  # shown by a alone
    flat = {"a": pairs_of((75, 10, 6)), "b": pairs_of((75, 20, 0))}
    assert make_gate("ab", targets=("b", "a"), margins={"a": 0.4, "b": 0.4}, boundary=2.5).judge(flat).needs == {
        "a": 100,
        "b": 100,
    }


def test_pairs_beyond_those_that_were_needed_change_nothing():
    assert make_gate().judge(BETTER) == make_gate().judge({task: some + "L" * 100 for task, some in BETTER.items()})


def test_only_scheduled_looks_count():
    gate = make_gate()
    whole = {task: letters[:75] for task, letters in BETTER.items()}
    part = {task: letters[:99] for task, letters in BETTER.items()}
    assert gate.judge(whole).looks == gate.judge(part).looks


def test_without_any_pair_it_asks_for_the_first_batch():
    verdict = make_gate().judge({})
    assert (verdict.decision, verdict.needs, verdict.looks) == (Decision.CONTINUE, dict.fromkeys("abc", 25), ())


def test_an_error_budget_that_is_used_up_promotes_nothing():
    verdict = make_gate(alpha=0.0, boundary=None).judge(BETTER)
    assert verdict.decision is Decision.REJECT
    assert verdict.reason.startswith("spent: ")
    assert "flywheel gate renew" in verdict.reason


def test_near_perfect_versions_can_be_held():
    verdict = make_gate(targets=(), hold=True).judge({task: "B" * 200 for task in "abc"})
    assert (verdict.decision, verdict.reason.split(":")[0]) == (Decision.REJECT, "hold")


def test_the_anchor_is_asked_about_once_all_else_has_passed():
    gate = make_gate(anchor="policy-0000")
    early = gate.judge({task: letters[:50] for task, letters in BETTER.items()})
    assert (early.decision, early.against) == (Decision.CONTINUE, Against.LIVE)
    passed = gate.judge(BETTER)
    assert (passed.decision, passed.against, passed.needs) == (
        Decision.CONTINUE,
        Against.ANCHOR,
        dict.fromkeys("abc", 25),
    )
    promoted = gate.judge(BETTER, {task: "B" * 100 for task in "abc"})
    assert promoted.decision is Decision.PROMOTE
    assert promoted.reason.endswith("; not worse than the anchor on any task after 100 pairs")
    assert {look.against for look in promoted.looks} == set(Against)


def test_a_version_that_crept_below_the_anchor_is_rejected():
    crept = {**{task: "B" * 100 for task in "ab"}, "c": "L" * 10 + "B" * 15 + "L" * 10 + "B" * 15}
    verdict = make_gate(anchor="policy-0000").judge(BETTER, crept)
    assert verdict.decision is Decision.REJECT
    assert verdict.reason.startswith("futile:anchor:c is out of reach after 50 pairs")


def test_a_noisy_labeler_narrows_the_margin():
    errors = LabelErrors(false_positive=0.1, false_negative=0.2)
    gate = make_gate("a", targets=(), label_errors={"a": errors})
    # 0.1 (1 - 0.1 - 0.2)
    assert gate.margin("a") == pytest.approx(0.07)
    (test,) = gate.judge({"a": "B" * 25}).looks[0].tests
    assert test.statistic == pytest.approx(statistic(0, 0, 25, 0.07))
    assert test.statistic < statistic(0, 0, 25, 0.1)


def test_sooner_successes_can_be_the_improvement_while_success_stays_guarded():
    gate = make_gate("a", improvement=Improvement.TIME)
    assert gate.judge({"a": "F" * 100}).decision is Decision.PROMOTE
    assert gate.judge({"a": "S" * 100}).reason.startswith("futile:improvement")
    assert make_gate("a").judge({"a": "F" * 200}).reason.startswith("futile:improvement")


def test_the_order_within_a_batch_says_nothing():
    generator = np.random.default_rng(1)
    letters = generator.choice(list("WLBN"), size=(3, 200), p=[0.2, 0.05, 0.5, 0.25])
    shuffled = letters.reshape(3, 8, 25).copy()
    for batch in shuffled.reshape(24, 25):
        generator.shuffle(batch)
    verdicts = [
        make_gate().judge({task: "".join(row) for task, row in zip("abc", some.reshape(3, 200), strict=True)})
        for some in (letters, shuffled)
    ]
    assert verdicts[0] == verdicts[1]


def test_counts_of_parts_may_be_added():
    assert counted("WWLBU") == (2, 2)
    assert tuple(map(sum, zip(counted("WWL"), counted("BU"), strict=True))) == counted("WWLBU")


@pytest.mark.parametrize("margin", [0.0, 0.05, 0.1, 0.2])
def test_a_win_more_never_lowers_and_a_loss_more_never_raises_the_statistic(margin):
    wins, losses = np.meshgrid(np.arange(26), np.arange(26), indexing="ij")
    z = score(wins, losses, 50, margin)
    assert (np.diff(z, axis=0) >= -1e-12).all()
    assert (np.diff(z, axis=1) <= 1e-12).all()


def test_a_gate_is_the_same_from_its_record():
    gate = make_gate(anchor="policy-0000", label_errors={"a": LabelErrors(false_positive=0.02)})
    assert PromotionGate.of(json.loads(json.dumps(gate.plain))) == gate
    json.dumps([look.plain for look in gate.judge(BETTER).looks])


def test_how_many_pairs_are_needed_by_the_formula():
    rates = dict.fromkeys(map(str, range(10)), SuccessRate(successes=60000, episodes=100000))
    gate = make_gate(margins=dict.fromkeys(rates, 0.15), targets=())
    # (2.19 + 2.01)^2 x 0.24 / 0.15^2, where 0.24 = 2 x 0.6 x 0.4 (1 - 0.5): 188 in the study's planning.
    assert gate.planned_pairs(rates) == pytest.approx(188, abs=1)
    perfect = dict.fromkeys("abc", SuccessRate(successes=100000, episodes=100000))
    # Pairs without a difference pass once n >= 2.19 sqrt(200 x 0.9 / 0.1) = 92.9.
    assert make_gate().planned_pairs(perfect) == 93


@pytest.mark.parametrize("change", [{"max_pairs": 210}, {"margins": {}}])
def test_what_is_no_gate_is_refused(change):
    with pytest.raises(ValueError, match="a gate of"):
        make_gate(**change)


def test_the_first_version_is_promoted_whatever_it_does():
    success, failure, error = Outcome.SUCCESS, Outcome.FAILURE, Outcome.ERROR
    verdict = judge_first({"a": [success, failure, error, failure], "b": [success, failure, Outcome.UNSCORED]})
    assert verdict.decision is Decision.PROMOTE
    # (1/4 + 1/2) / 2
    assert verdict.reason == "no live version to compare with; 0.375 success"


def test_a_first_version_that_nobody_could_score_is_not_promoted():
    verdict = judge_first({"a": [Outcome.SUCCESS], "b": [Outcome.UNSCORED]})
    assert verdict.decision is Decision.REJECT
    assert verdict.reason.startswith("unscored:b ")
