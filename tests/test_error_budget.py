import pytest

from flywheel.core.error_budget import ErrorBudget, Scheme, rounded_down


@pytest.mark.parametrize(("attempt", "alpha"), [(1, 0.02), (5, 0.02), (6, 0.0), (100, 0.0)])
def test_every_attempt_spends_the_same_until_all_is_spent(attempt, alpha):
    budget = ErrorBudget(scheme=Scheme.FWER, total=0.1, attempts=5)
    assert budget.alpha(attempt=attempt, promotions=3) == alpha


@pytest.mark.parametrize(
    ("promotions", "alpha"),
    # 0.01 x (promotions + 1), at most 0.05, rounded down.
    [(0, 0.01), (1, 0.02), (2, 0.025), (3, 0.025), (4, 0.05), (9, 0.05)],
)
def test_promotions_earn_later_attempts_more(promotions, alpha):
    budget = ErrorBudget(scheme=Scheme.FDR, total=0.1, attempts=10)
    assert budget.alpha(attempt=10, promotions=promotions) == alpha
    assert budget.alpha(attempt=11, promotions=promotions) == 0.0


@pytest.mark.parametrize("scheme", list(Scheme))
@pytest.mark.parametrize("attempts", [1, 2, 3, 5, 7, 20])
def test_without_promotions_no_more_than_the_budget_is_spent(scheme, attempts):
    budget = ErrorBudget(scheme=scheme, total=0.1, attempts=attempts)
    spent = sum(budget.alpha(attempt=number, promotions=0) for number in range(1, 2 * attempts))
    assert 0.0 < spent <= 0.1 + 1e-12


def test_one_gate_of_a_campaign_spends_no_more_than_a_twentieth():
    assert ErrorBudget(scheme=Scheme.FWER, total=0.1, attempts=1).alpha(attempt=1, promotions=0) == 0.05


@pytest.mark.parametrize(("alpha", "rounded"), [(0.03, 0.025), (0.1 / 5, 0.02), (0.0199, 0.01), (0.002, 0.002)])
def test_alphas_are_rounded_down_to_those_with_a_table(alpha, rounded):
    assert rounded_down(alpha) == rounded
