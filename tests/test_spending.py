from flywheel.core.spending import Spending, budget_key


def test_a_started_gate_counts_whatever_it_decided():
    first = Spending()
    second = first.following(newest=0, campaign=None, started=True, promoted=False)
    third = second.following(newest=0, campaign=None, started=True, promoted=True)
    assert (second.attempts, second.promotions) == (1, 0)
    assert (third.attempts, third.promotions) == (2, 1)


def test_a_turn_without_a_gate_spends_nothing():
    assert Spending().following(newest=0, campaign=None, started=False, promoted=True) == Spending()


def test_a_new_budget_begins_anew():
    assert Spending(attempts=5, promotions=2).following(
        newest=3, campaign=None, started=True, promoted=True
    ) == Spending(number=3)


def test_a_campaign_begins_anew_and_iterations_that_belong_to_none_go_on_with_it():
    turn = {"newest": 0, "started": True, "promoted": False}
    first = Spending(attempts=5).following(campaign=2, **turn)
    assert first == Spending(campaign=2)
    second = first.following(campaign=2, **turn)
    third = second.following(campaign=None, **turn)
    assert third == Spending(campaign=2, attempts=2)
    assert third.following(campaign=3, **turn) == Spending(campaign=3)


def test_it_is_the_same_from_a_record():
    campaign = Spending(number=2, attempts=3, promotions=1)
    assert Spending.of(campaign.plain) == campaign
    assert budget_key(2) == "budgets/0002"
