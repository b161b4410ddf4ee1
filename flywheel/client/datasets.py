"""Datasets: what each iteration trained on, and what changed from one to another."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flywheel.client.wire import Wire

Shares = Mapping[str, Mapping[str, float]]
"""By source, task, outcome and age."""


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """What an iteration trained on."""

    iteration: int
    policy_id: str
    versions: Mapping[str, int]
    """Table -> version."""
    digests: Mapping[str, str] = field(default_factory=dict)
    """Table -> sha256 over the names of that version's files."""
    mixture: Mapping[str, Any] = field(default_factory=dict)
    """Weights of the data in a batch."""
    shares: Shares = field(default_factory=dict)
    """What batches held on average; each sums to 1."""
    recalls: tuple[int, ...] = ()
    """Those whose episodes were left out."""
    num_updates: int


@dataclass(frozen=True, kw_only=True)
class Change:
    """One setting with two values."""

    key: str
    before: str
    now: str


@dataclass(frozen=True, kw_only=True)
class DatasetDifference:
    """What differs between what two iterations trained on."""

    iteration: int
    since: int
    """Compared with this one."""
    changes: tuple[Change, ...] = ()
    shares: Shares = field(default_factory=dict)
    """What was added to each share of a batch."""


class Datasets:
    """`/v1/datasets`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def get(self, iteration: int) -> Dataset:
        return self._wire.get(Dataset, "datasets", iteration)

    def all(self) -> Iterator[Dataset]:
        """The newest first."""
        return self._wire.pages(Dataset, "datasets")

    def difference(self, iteration: int, *, since: int | None = None) -> DatasetDifference:
        """From another iteration's, or from the one that trained before it."""
        return self._wire.get(DatasetDifference, "datasets", iteration, "difference", params={"since": since})
