"""What was read before and cannot have changed, as much of it as is allowed."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Cache(Generic[Value]):
    """Values by name; those unused for longest go first. Another process gets an empty one."""

    def __init__(self, *, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._clear()

    def get(self, name: object, make: Callable[[], tuple[Value, int]]) -> Value:
        """The value of the name; where it is not kept, `make` gives it with its bytes."""
        if name in self._values:
            self._values.move_to_end(name)
            return self._values[name][0]
        value, num_bytes = make()
        self._values[name] = value, num_bytes
        self._num_bytes += num_bytes
        while self._num_bytes > self._max_bytes:
            _, (_, freed) = self._values.popitem(last=False)
            self._num_bytes -= freed
        return value

    def __getstate__(self) -> int:
        return self._max_bytes

    def __setstate__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._clear()

    def _clear(self) -> None:
        self._values: OrderedDict[object, tuple[Value, int]] = OrderedDict()
        self._num_bytes = 0
