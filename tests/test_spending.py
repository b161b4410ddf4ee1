from flywheel.core.spending import Spending, budget_key


def test_a_started_gate_counts_whatever_it_decided():
    first = Spending()
    second = first.following(newest=0, started=True, promoted=False)
    third = second.following(newest=0, started=True, promoted=True)
    assert (second.attempts, second.promotions) == (1, 0)
    assert (third.attempts, third.promotions) == (2, 1)


def test_a_turn_without_a_gate_spends_nothing():
    assert Spending().following(newest=0, started=False, promoted=True) == Spending()


def test_a_new_budget_begins_anew():
    assert Spending(attempts=5, promotions=2).following(newest=3, started=True, promoted=True) == Spending(number=3)


def test_it_is_the_same_from_a_record():
    campaign = Spending(number=2, attempts=3, promotions=1)
    assert Spending.of(campaign.plain) == campaign
    assert budget_key(2) == "budgets/0002"
