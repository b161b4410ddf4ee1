import numpy as np
import pyarrow as pa
import pytest

from flywheel.store.columns import BOOLS, FLOATS, NAMED, Arrays, NamedArrays, arrays, lists, named_lists

ROWS = [np.array([1.5, 2.0], np.float32), np.zeros(0, np.float32), np.array([-3.0], np.float32)]
NAMED_ROWS = [
    {"a": np.arange(6, dtype=np.float32).reshape(3, 2), "b": np.full((1, 1, 2), 7, np.float32)},
    {},
    {"b": np.zeros((0, 4), np.float32)},
]


def column(values, *, kind, chunks):
    return pa.chunked_array([values] if chunks == 1 else [values[:1], values[1:]], type=kind)


@pytest.mark.parametrize("chunks", [1, 2])
def test_arrays_come_back_row_by_row(chunks):
    found = Arrays(column(lists(ROWS, FLOATS), kind=FLOATS, chunks=chunks))
    assert [found.row(number).tolist() for number in (2, 0, 1)] == [[-3.0], [1.5, 2.0], []]
    truths = pa.chunked_array([lists([np.array([True, False]), np.array([True])], BOOLS)])
    assert [some.tolist() for some in arrays(truths)] == [[True, False], [True]]


@pytest.mark.parametrize("chunks", [1, 2])
def test_named_arrays_come_back_in_their_shapes(chunks):
    found = NamedArrays(column(named_lists(NAMED_ROWS), kind=NAMED, chunks=chunks))
    for number, expected in enumerate(NAMED_ROWS):
        row = found.row(number)
        assert list(row) == list(expected)
        assert all(np.array_equal(row[name], expected[name]) for name in expected)
        assert all(row[name].shape == expected[name].shape for name in expected)


def test_a_part_of_a_column_has_its_own_rows():
    assert [some.tolist() for some in arrays(pa.chunked_array([lists(ROWS, FLOATS)])[1:])] == [[], [-3.0]]
    assert list(NamedArrays(pa.chunked_array([named_lists(NAMED_ROWS)])[2:]).row(0)) == ["b"]


def test_a_column_without_rows_has_no_arrays():
    assert arrays(pa.chunked_array([], FLOATS)) == []


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_one_value_that_is_no_number_is_found_in_any_row(value):
    rows = [np.zeros(3, np.float32), np.array([0.0, value], np.float32)]
    assert Arrays(pa.chunked_array([lists(rows[:1], FLOATS)])).finite
    assert not Arrays(pa.chunked_array([lists(rows, FLOATS)])).finite
    named = [{"a": row[:, None]} for row in rows]
    assert NamedArrays(pa.chunked_array([named_lists(named[:1])])).finite
    assert not NamedArrays(pa.chunked_array([named_lists(named)])).finite
