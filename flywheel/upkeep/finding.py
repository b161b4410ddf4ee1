"""Finding: what is not as it should be in a store."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from flywheel.core.errors import NewerSchemaError, StoreError, StoreUnavailableError

Progress = Callable[[str, int, int], None]
"""What is looked at, how many are done, and of how many."""


class Kind(StrEnum):
    """How bad it is."""

    DAMAGE = "damage"
    """Something that a record, a manifest or a table names is missing, changed or contradicts another."""
    NEWER = "newer"
    """Written by a newer flywheel: this one cannot judge it and leaves it alone."""
    LOST = "lost"
    """Gone on purpose: a record says which repair or garbage collection took it."""
    LEFTOVER = "leftover"
    """Nothing names it: what an interrupted process left, or what was replaced."""


class Area(StrEnum):
    """Where."""

    IDENTITY = "identity"
    RECORDS = "records"
    POLICIES = "policies"
    CHECKPOINTS = "checkpoints"
    EPISODES = "episodes"
    LABELS = "labels"
    VIDEOS = "videos"
    LOGS = "logs"


@dataclass(frozen=True, kw_only=True, order=True)
class Finding:
    """One object, and what is wrong with it."""

    kind: Kind
    area: Area
    key: str
    problem: str


def damage(area: Area, key: str, failure: StoreError | str) -> Finding:
    """Of an error that reading the object raised; what a newer flywheel wrote is not damaged.

    StoreUnavailableError: it was that, which says nothing of the object.
    """
    if isinstance(failure, StoreUnavailableError):
        raise failure
    newer = isinstance(failure, NewerSchemaError) or (
        isinstance(failure, StoreError) and isinstance(failure.__cause__, NewerSchemaError)
    )
    return Finding(kind=Kind.NEWER if newer else Kind.DAMAGE, area=area, key=key, problem=_without(key, str(failure)))


def leftover(area: Area, key: str, problem: str) -> Finding:
    return Finding(kind=Kind.LEFTOVER, area=area, key=key, problem=problem)


def _without(key: str, problem: str) -> str:
    """The key stands beside the problem already."""
    return problem.partition(f"{key}: ")[2] or problem
