"""Metric: one row of the table: a name, what it counts, and which label values it may have."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

ANY: Final[tuple[str, ...]] = ()
"""Values of a label that configuration or releases bound: tasks, and versions in `_info` gauges."""


class Kind(StrEnum):
    """As Prometheus has them."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    SUMMARY = "summary"
    """Sum and count, without quantiles."""


class Where(StrEnum):
    """Who exports it."""

    STATE = "state"
    """Any process of the API, from what the store holds."""
    LIVE = "live"
    """The supervisor's process, of what runs in it; the API shows it too."""
    ACT = "act"
    """The replicas of the policy endpoint."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """Nothing but the table spells a metric's name."""

    name: str
    kind: Kind
    where: Where
    help: str
    unit: str = ""
    """As the name has it; empty: a count, or what the name says."""
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Label -> all its values; ANY: bounded by something else than the code."""
    buckets: tuple[float, ...] = ()
    """Upper bounds of a histogram's, without infinity."""
    diagnostic: bool = False
    """For whoever looks for a cause: on no dashboard and in no rule."""

    @property
    def labels(self) -> tuple[str, ...]:
        """In order."""
        return tuple(self.values)
