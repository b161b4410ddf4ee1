from flywheel.core.comparison import Decision, Pair, PromotionGate

GATE = PromotionGate(min_episodes=4, margin=0.25)


def pairs(candidate, live=None):
    """Strings of 1 and 0, one figure per episode."""
    return [
        Pair(candidate=ours == "1", live=None if live is None else live[index] == "1")
        for index, ours in enumerate(candidate)
    ]


def test_it_waits_for_enough_pairs_on_every_task():
    verdict = GATE.judge({"reach": pairs("1111", "0000"), "push": pairs("111", "000")})
    assert verdict.decision is Decision.CONTINUE
    assert verdict.reason == "push: 3 of 4 pairs"


def test_no_pairs_at_all_is_not_enough():
    assert GATE.judge({"reach": []}).decision is Decision.CONTINUE


def test_the_first_version_is_promoted_whatever_it_does():
    verdict = GATE.judge({"reach": pairs("1000"), "push": pairs("1100")})
    assert verdict.decision is Decision.PROMOTE
    # (0.25 + 0.5) / 2
    assert verdict.reason == "no live version to compare with; 0.375 success"


def test_a_better_candidate_is_promoted():
    verdict = GATE.judge({"reach": pairs("1110", "1000"), "push": pairs("1100", "1100")})
    assert verdict.decision is Decision.PROMOTE
    # (0.75 + 0.5) / 2 against (0.25 + 0.5) / 2
    assert verdict.reason == "mean success 0.625 against 0.375"


def test_an_equal_candidate_is_promoted():
    assert GATE.judge({"reach": pairs("1100", "0011")}).decision is Decision.PROMOTE


def test_a_worse_mean_is_rejected():
    verdict = GATE.judge({"reach": pairs("1100", "1110"), "push": pairs("1100", "1100")})
    assert verdict.decision is Decision.REJECT
    assert verdict.reason == "mean success 0.500 against 0.625"


def test_a_task_lost_is_rejected_though_the_mean_rose():
    # reach rises by 1, push falls by 0.5, which is more than 0.25.
    verdict = GATE.judge({"reach": pairs("1111", "0000"), "push": pairs("1000", "1110")})
    assert verdict.decision is Decision.REJECT
    assert verdict.reason == "push: 0.250 against 0.750, more than 0.25 lost"


def test_a_loss_of_exactly_the_margin_is_allowed():
    # push falls by 0.25, which is not more than 0.25.
    verdict = GATE.judge({"reach": pairs("1111", "0000"), "push": pairs("1000", "1100")})
    assert verdict.decision is Decision.PROMOTE
