"""Nouns of a dashboard: what is asked, how it is looked at, and what it means."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class View(StrEnum):
    """How a panel shows what its queries give."""

    NUMBER = "number"
    """The newest value of each series, large."""
    NAME = "name"
    """The series' names, large, without values."""
    CURVE = "curve"
    STACK = "stack"
    BAR = "bar"
    """The newest value of each series between two limits."""
    STATES = "states"
    """A row per series, coloured by value."""
    HEAT = "heat"
    """A histogram's buckets over time."""


@dataclass(frozen=True, kw_only=True)
class Query:
    """One expression of PromQL; `legend` names its series, by labels in double braces."""

    expr: str
    legend: str


@dataclass(frozen=True, kw_only=True)
class Band:
    """Two curves of a panel, by legend, with the room between them filled."""

    lower: str
    upper: str
    around: str
    """The curve in whose colour it is filled."""
    colour: str


@dataclass(frozen=True, kw_only=True)
class Link:
    """From a point of a panel to somewhere else; the address may use Grafana's variables of fields and values."""

    title: str
    url: str


@dataclass(frozen=True, kw_only=True)
class Panel:
    """What one rectangle shows."""

    title: str
    description: str
    view: View
    queries: tuple[Query, ...]
    unit: str
    """One of Grafana's."""
    always: bool = False
    """Has data once one iteration has ended."""
    empty: str = "nothing yet"
    """Shown where there is no data."""
    width: int = 8
    """Of 24."""
    height: int = 8
    low: float | None = None
    high: float | None = None
    steps: tuple[tuple[float | None, str], ...] = ()
    """From which value on which colour; the first has none."""
    words: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    """Value -> what is written in its place, and its colour."""
    bands: tuple[Band, ...] = ()
    links: tuple[Link, ...] = ()
    decimals: int | None = None
    of_each_task: bool = False
    """Repeated for each task; its queries use `$task`."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """Panels under a title, left to right, as many lines as they need."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, kw_only=True)
class Dashboard:
    """One page."""

    uid: str
    """Stays, because links name it."""
    title: str
    description: str
    rows: tuple[Row, ...]
    since: str = "now-24h"
    refresh: str = "30s"

    @property
    def panels(self) -> tuple[Panel, ...]:
        """In order."""
        return tuple(panel for row in self.rows for panel in row.panels)
