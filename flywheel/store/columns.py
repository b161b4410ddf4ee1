"""Arrays of any length and shape as Arrow columns, and back, bit for bit."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from flywheel.core.episode import Floats

Array = NDArray[Any]


def list_of(kind: pa.DataType) -> pa.DataType:
    """Lists without nulls, named as Delta Lake names them."""
    return pa.list_(pa.field("element", kind, nullable=False))


FLOATS = list_of(pa.float32())
BOOLS = list_of(pa.bool_())
NAMED_FIELDS = [
    pa.field("name", pa.string(), nullable=False),
    pa.field("shape", list_of(pa.int32()), nullable=False),
    pa.field("values", FLOATS, nullable=False),
]
NAMED = list_of(pa.struct(NAMED_FIELDS))
"""Any number of named arrays, each flat beside its shape: the type does not depend on the task."""


def lists(arrays: Sequence[Array], kind: pa.DataType) -> pa.Array:
    """One list per array, flat in C order."""
    flat = [np.ravel(array) for array in arrays]
    values = np.concatenate(flat) if flat else np.zeros(0, kind.value_type.to_pandas_dtype())
    return _nested([len(array) for array in flat], pa.array(values, kind.value_type), kind)


def arrays(column: pa.ChunkedArray) -> list[Array]:
    """The flat array of each list."""
    found = Arrays(column)
    return [found.row(number) for number in range(len(column))]


def named_lists(rows: Sequence[Mapping[str, Floats]]) -> pa.Array:
    """One list of named arrays per row."""
    items = [item for row in rows for item in row.items()]
    columns = [
        pa.array([name for name, _ in items], pa.string()),
        lists([np.array(values.shape, np.int32) for _, values in items], list_of(pa.int32())),
        lists([values for _, values in items], FLOATS),
    ]
    return _nested([len(row) for row in rows], pa.StructArray.from_arrays(columns, fields=NAMED_FIELDS), NAMED)


class Arrays:
    """The flat array of each row, made when it is asked for: readers of few rows pay for few."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        rows = _whole(column)
        self._firsts: list[int] = rows.offsets.to_numpy().tolist()
        self._values: Array = rows.values.to_numpy(zero_copy_only=False)

    def row(self, number: int) -> Array:
        """Part of the column's memory."""
        return self._values[self._firsts[number] : self._firsts[number + 1]]

    @property
    def finite(self) -> bool:
        """Whether no number is NaN or infinite."""
        return bool(np.isfinite(self._values).all())


class NamedArrays:
    """The named arrays of each row, made when they are asked for."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        rows = _whole(column)
        names, shapes, values = rows.values.flatten()
        self._items, self._ranks, self._firsts = (some.offsets.to_numpy().tolist() for some in (rows, shapes, values))
        self._names: list[str] = names.to_pylist()
        self._shapes: list[int] = shapes.values.to_numpy().tolist()
        self._values = values.values.to_numpy()

    @property
    def finite(self) -> bool:
        """Whether no number is NaN or infinite."""
        return bool(np.isfinite(self._values).all())

    def row(self, number: int) -> dict[str, Array]:
        """In their shapes and in memory of their own. ValueError: a shape does not fit its values."""
        first, end = self._items[number], self._items[number + 1]
        start = self._firsts[first]
        own = self._values[start : self._firsts[end]].copy()
        return {
            self._names[item]: own[self._firsts[item] - start : self._firsts[item + 1] - start].reshape(
                self._shapes[self._ranks[item] : self._ranks[item + 1]]
            )
            for item in range(first, end)
        }


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _nested(lengths: Sequence[int], values: Any, kind: pa.DataType) -> pa.Array:
    # Arrow refuses what does not fit its 32 bits; NumPy would wrap around.
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64)).cast(pa.int32())
    return pa.ListArray.from_arrays(offsets, values, type=kind)
