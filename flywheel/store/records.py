"""Records as sealed JSON objects."""

from collections.abc import Mapping
from typing import Any

from flywheel.core.errors import NotFoundError
from flywheel.store import layout
from flywheel.store.objects import Objects
from flywheel.store.sealed import put_sealed, unseal


class JsonRecords:
    """Immutable records, `records/<key>.json`. Implements `ports.Records`."""

    def __init__(self, *, objects: Objects) -> None:
        self._objects = objects

    def write(self, key: str, record: Mapping[str, Any]) -> None:
        put_sealed(self._objects, layout.record(key), record)

    def read(self, key: str) -> dict[str, Any] | None:
        name = layout.record(key)
        try:
            data = self._objects.get(name)
        except NotFoundError:
            return None
        return unseal(data, name=name)

    def keys(self, prefix: str) -> list[str]:
        found = self._objects.keys(f"{layout.RECORDS}{prefix}")
        return sorted(key.removeprefix(layout.RECORDS).removesuffix(".json") for key in found)
