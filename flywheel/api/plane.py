"""Plane: everything that a request may touch. Plain; Ray Serve dresses the application elsewhere."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from flywheel.api.identity import Identify
from flywheel.api.rates import Rates
from flywheel.config import Config
from flywheel.journal import Progress
from flywheel.lineage.episode import EpisodeLineage
from flywheel.lineage.policy import PolicyLineage
from flywheel.metrics.state import StateMetrics
from flywheel.ports import Chronicle, EpisodeTable, LabelTable, Policies, Records


class Watch(Protocol):
    """Who turns the wheel, seen from outside."""

    def progress(self) -> Progress | None:
        """Of the stage that runs; None: none does, or nobody answers."""
        ...

    def metrics(self) -> str | None:
        """What it counts, in Prometheus's text format; None: nobody answers."""
        ...

    def nudge(self) -> None:
        """There is something to do. It would be found without this, a little later."""
        ...


class Lineage(Protocol):
    """Where policy versions and episodes come from, and what became of them. It reads much: ask seldom."""

    def policy(self, policy_id: str) -> PolicyLineage:
        """Of a finished version."""
        ...

    def episode(self, episode_id: str) -> EpisodeLineage:
        """ConfigError: no version that can still be read holds it."""
        ...


@dataclass(frozen=True, kw_only=True)
class Plane:
    """One store, who turns its wheel, and who may ask."""

    store: str
    config: Config
    chronicle: Chronicle
    records: Records
    episodes: EpisodeTable
    labels: LabelTable
    policies: Policies
    lineage: Lineage
    watch: Watch
    metrics: StateMetrics
    identify: Identify
    rates: Rates
    signing_secret: Callable[[str], str]
    """A webhook's name -> what its deliveries are signed with."""
    now: Callable[[], str]
    """RFC 3339."""
