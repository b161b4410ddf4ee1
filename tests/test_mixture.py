import numpy as np
import pytest

from flywheel.core.errors import EpisodeError
from flywheel.core.mixture import OUTCOMES, SOURCES, Cells, Mixture, densities, effective_shares

TASKS = ("a", "b")
DEMONSTRATION, COLLECTION = SOURCES.index("demonstration"), SOURCES.index("collection")
FAILURE, SUCCESS, UNSCORED = (OUTCOMES.index(name) for name in ("failure", "success", "unscored"))


def cells_of(*rows):
    """Rows of source, task, outcome, iteration, count."""
    sources, tasks, outcomes, iterations, counts = np.array(rows).T
    return Cells.of(sources=sources, tasks=tasks, outcomes=outcomes, iterations=iterations, counts=counts)[0]


def shares(mixture, *rows, iteration=0):
    """The share of each row of a batch; rows must be sorted."""
    cells = cells_of(*rows)
    return (densities(mixture, cells, tasks=TASKS, iteration=iteration) * cells.counts).tolist()


def test_rows_that_are_alike_are_one_cell():
    rows = np.array([[0, 1, 1, 3, 5], [1, 0, 0, 2, 1], [0, 1, 1, 3, 7]]).T
    cells, cell = Cells.of(sources=rows[0], tasks=rows[1], outcomes=rows[2], iterations=rows[3], counts=rows[4])
    assert cell.tolist() == [0, 1, 0]
    found = [cells.sources, cells.tasks, cells.outcomes, cells.iterations, cells.counts]
    assert np.array(found).T.tolist() == [[0, 1, 1, 3, 12], [1, 0, 0, 2, 1]]


def test_sources_share_by_weight_and_tasks_within_them_alike():
    mixture = Mixture(sources={"demonstration": 1.0, "collection": 3.0})
    rows = [(DEMONSTRATION, 0, 0, 0, 10), (DEMONSTRATION, 1, 0, 0, 90), (COLLECTION, 0, 0, 0, 1)]
    # 1/4 in two halves, and 3/4.
    assert shares(mixture, *rows) == pytest.approx([0.125, 0.125, 0.75])


def test_tasks_share_by_their_weights_where_they_have_data():
    mixture = Mixture(sources={"demonstration": 1.0, "collection": 1.0}, tasks={"a": 3.0})
    rows = [(DEMONSTRATION, 0, 0, 0, 10), (DEMONSTRATION, 1, 0, 0, 10), (COLLECTION, 1, 0, 0, 10)]
    # 3 to 1 within half of it; the collection has only b.
    assert shares(mixture, *rows) == pytest.approx([0.375, 0.125, 0.5])


def test_outcomes_are_factors_and_unscored_data_has_none():
    mixture = Mixture(sources={"demonstration": 1.0}, outcomes={"success": 4.0, "failure": 0.0})
    rows = [(DEMONSTRATION, 0, outcome, 0, 10) for outcome in (FAILURE, SUCCESS, UNSCORED)]
    # 0 : 40 : 10
    assert shares(mixture, *rows) == pytest.approx([0.0, 0.8, 0.2])


def test_chances_halve_with_every_half_life_of_age():
    mixture = Mixture(sources={"collection": 1.0}, half_life_iterations=2.0)
    rows = [(COLLECTION, 0, 0, iteration, 10) for iteration in (1, 3, 5)]
    # Ages 4, 2, 0: 1/4 : 1/2 : 1.
    assert shares(mixture, *rows, iteration=5) == pytest.approx([1 / 7, 2 / 7, 4 / 7])


def test_a_source_keeps_its_share_however_old_it_is():
    mixture = Mixture(sources={"demonstration": 1.0, "collection": 1.0}, half_life_iterations=0.01)
    rows = [(DEMONSTRATION, 0, 0, 0, 10), (COLLECTION, 0, 0, 999, 10), (COLLECTION, 0, 0, 1000, 10)]
    assert shares(mixture, *rows, iteration=1000) == pytest.approx([0.5, 0.0, 0.5])


def test_whatever_has_no_data_gives_its_share_to_the_others_in_proportion():
    mixture = Mixture(sources={"demonstration": 0.1, "collection": 0.3, "evaluation": 0.6})
    rows = [(DEMONSTRATION, 0, 0, 0, 10), (COLLECTION, 0, 0, 0, 10)]
    assert shares(mixture, *rows) == pytest.approx([0.25, 0.75])


def test_a_source_whose_outcomes_all_weigh_nothing_has_no_data():
    mixture = Mixture(sources={"demonstration": 1.0, "collection": 1.0}, outcomes={"failure": 0.0})
    rows = [(DEMONSTRATION, 0, FAILURE, 0, 10), (COLLECTION, 0, SUCCESS, 0, 10)]
    assert shares(mixture, *rows) == pytest.approx([0.0, 1.0])


def test_a_mixture_of_nothing_that_is_there_is_refused():
    with pytest.raises(EpisodeError, match="the mixture asks for evaluation, and none with a weight is there"):
        shares(Mixture(sources={"evaluation": 1.0, "collection": 0.0}), (COLLECTION, 0, 0, 0, 1))


def test_effective_shares_sum_to_one_in_every_respect():
    mixture = Mixture(sources={"demonstration": 1.0, "collection": 3.0}, tasks={"b": 0.0})
    cells = cells_of((DEMONSTRATION, 0, SUCCESS, 0, 10), (DEMONSTRATION, 1, 0, 0, 90), (COLLECTION, 0, FAILURE, 10, 1))
    found = effective_shares(cells, densities(mixture, cells, tasks=TASKS, iteration=11), tasks=TASKS, iteration=11)
    assert found == {
        "source": pytest.approx({"collection": 0.75, "demonstration": 0.25}),
        "task": pytest.approx({"a": 1.0}),
        "outcome": pytest.approx({"failure": 0.75, "success": 0.25}),
        "age": pytest.approx({"1": 0.75, "11": 0.25}),
    }
    assert list(found["age"]) == ["1", "11"]
