"""Keys: names of objects, and what a listing says of one."""

from dataclasses import dataclass
from datetime import datetime

from flywheel.core.errors import StoreError


@dataclass(frozen=True, kw_only=True)
class ObjectEntry:
    """An object as a listing shows it."""

    key: str
    num_bytes: int
    modified_at: datetime
    """When it was written, in UTC by the clock of whoever keeps it."""


def check_key(key: str) -> None:
    """StoreError: it would leave the store, or hide in it."""
    if any(not name or name.startswith(".") or "\0" in name for name in key.split("/")):
        raise StoreError(f"{key!r} is not a key: every name in it needs a character and none starts with a dot")
