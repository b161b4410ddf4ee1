"""What the stages need from the world. Implemented in store, cluster and metrics; in memory in the tests."""

from collections.abc import Callable
from dataclasses import dataclass

from flywheel.core.plan import Plan
from flywheel.ports.files import Checkpoints, Policies, Proof, VideoFile, Videos, unheard, unproven
from flywheel.ports.history import Chronicle, Decide, IterationLogs, LogPage, Records
from flywheel.ports.parts import Notice, Part, PartWriter, Spooled
from flywheel.ports.processes import (
    Brake,
    CollectorCounts,
    Collectors,
    Endpoint,
    Observer,
    Reference,
    Relabeler,
    Trainer,
    nothing,
    unstopped,
)
from flywheel.ports.tables import Catalogue, EpisodePage, EpisodeTable, LabelTable, TableSize

__all__ = [
    "Brake",
    "Catalogue",
    "Checkpoints",
    "Chronicle",
    "CollectorCounts",
    "Collectors",
    "Decide",
    "Endpoint",
    "EpisodePage",
    "EpisodeTable",
    "IterationLogs",
    "LabelTable",
    "LogPage",
    "Notice",
    "Observer",
    "Part",
    "PartWriter",
    "Policies",
    "Ports",
    "Proof",
    "Records",
    "Reference",
    "Relabeler",
    "Spooled",
    "TableSize",
    "Trainer",
    "VideoFile",
    "Videos",
    "nothing",
    "unheard",
    "unproven",
    "unstopped",
]


@dataclass(frozen=True, kw_only=True)
class Ports:
    """Everything a stage may touch."""

    plan: Plan
    contract: Callable[[], str]
    """Digest of what a policy of this configuration sees and does. Environments are made for it: ask seldom."""
    records: Records
    chronicle: Chronicle
    episodes: EpisodeTable
    labels: LabelTable
    policies: Policies
    collectors: Collectors
    relabeler: Relabeler
    trainer: Trainer
    endpoint: Endpoint
    reference: Reference
    observer: Observer
    brake: Brake = unstopped
    by: str = "command line"
    """Who turns the wheel, as the chronicle names it."""
    owner: str = "this process"
    """The process, as others should read it."""
    rest: Callable[[], None] = nothing
    """Ends processes that only wait; the next use starts them again."""
