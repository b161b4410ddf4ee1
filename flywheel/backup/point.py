"""Point: what a backup holds of one moment of a store."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class Copy:
    """One object of the store as it was, and which content of the backup it is."""

    digest: str
    """sha256."""
    num_bytes: int
    modified_at: str | None
    """When the store said that it was written, RFC 3339; None where that was not asked."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """Everything of a moment. It exists once its manifest is written."""

    name: str
    """From when it is; names sort by time."""
    store_id: str
    store_version: int
    taken_by: str
    """The version of flywheel."""
    num_entries: int
    """Of the chronicle: all before this one are in it, and nothing that they do not know of."""
    objects: Mapping[str, Copy]
    """Key in the store -> what it holds."""

    @classmethod
    def of(cls, name: str, plain: Mapping[str, Any]) -> Self:
        """From its manifest."""
        objects = {key: Copy(**copy) for key, copy in plain["objects"].items()}
        return cls(**{**plain, "name": name, "objects": objects})

    @property
    def plain(self) -> dict[str, Any]:
        return {**asdict(self), "objects": {key: asdict(copy) for key, copy in sorted(self.objects.items())}}

    @property
    def digests(self) -> Mapping[str, int]:
        """Digest of each content -> its bytes."""
        return {copy.digest: copy.num_bytes for copy in self.objects.values()}

    @property
    def num_bytes(self) -> int:
        """Of the store as it was."""
        return sum(copy.num_bytes for copy in self.objects.values())
