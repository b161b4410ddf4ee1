"""Policies: every version that was trained, how it was judged, and where it stands."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flywheel.client.wire import Wire


@dataclass(frozen=True, kw_only=True)
class TaskSuccess:
    """How often a version succeeds at one task: k of n, with the Wilson interval at 95%."""

    task: str
    successes: int
    episodes: int
    """n: scored episodes."""
    rate: float | None
    """None where nothing was scored."""
    lower: float
    upper: float
    errors: int = 0
    """Episodes that crashed or hung; not in n."""
    unscored: int = 0
    """Episodes whose success nobody reported; not in n."""


@dataclass(frozen=True, kw_only=True)
class Gate:
    """What the promotion gate decided, and on what evidence."""

    decision: str
    """promote or reject."""
    reason: str
    live: str | None = None
    """What was live then, compared with."""
    live_success: tuple[TaskSuccess, ...] = ()
    """Of that one, on the same initial states."""
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Retirement:
    """Why a version is never deployed again."""

    at: str
    by: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A policy version."""

    policy_id: str
    status: str
    """candidate, live, rejected or retired."""
    iteration: int
    """The one that trained it."""
    parent: str | None = None
    """The version whose weights training started from."""
    digest: str
    """sha256 of its weights."""
    contract: str | None = None
    trained_on: Mapping[str, int] = field(default_factory=dict)
    """Table -> version."""
    recalls: tuple[int, ...] = ()
    """Those whose episodes were left out."""
    success: tuple[TaskSuccess, ...] = ()
    """In the evaluation of its iteration; empty: not evaluated yet."""
    gate: Gate | None = None
    """None: not judged yet."""
    deployments: tuple[int, ...] = ()
    """Numbers of those that made it live."""
    retirement: Retirement | None = None


@dataclass(frozen=True, kw_only=True)
class EpisodesUsed:
    """Episodes of one kind that a version was trained on."""

    behaviour_policy: str
    source: str
    task: str
    outcome: str
    episodes: int


@dataclass(frozen=True, kw_only=True)
class LabelsUsed:
    """Labels of one kind that a version was trained on."""

    task: str
    labeler: str
    labeler_version: int
    labels: int


@dataclass(frozen=True, kw_only=True)
class PolicyLineage:
    """What a version was trained on, and its relatives."""

    policy_id: str
    parent: str | None = None
    children: tuple[str, ...] = ()
    """Versions that started from its weights."""
    episodes: tuple[EpisodesUsed, ...] | None = None
    """None: no longer readable."""
    labels: tuple[LabelsUsed, ...] | None = None
    excluded: int | None = None
    """Labelled episodes that recalls left out."""
    made_by: tuple[str, ...] = ()
    """Versions of flywheel, in order."""
    unreadable: str | None = None
    """Why the data cannot be read any more."""


class Policies:
    """`/v1/policies`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def get(self, policy_id: str) -> Policy:
        return self._wire.get(Policy, "policies", policy_id)

    def all(self, *, status: str | None = None) -> Iterator[Policy]:
        """The newest first. `status`: candidate, live, rejected or retired."""
        return self._wire.pages(Policy, "policies", params={"status": status})

    def lineage(self, policy_id: str) -> PolicyLineage:
        """Reads all its labels: it may take a while."""
        return self._wire.get(PolicyLineage, "policies", policy_id, "lineage")

    def promote(self, policy_id: str, *, reason: str = "", key: str | None = None) -> Policy:
        """Makes a version live. Past a gate that did not say promote, it needs a reason."""
        return self._wire.post(Policy, "policies", policy_id, ":promote", body={"reason": reason}, key=key)

    def retire(self, policy_id: str, *, reason: str, key: str | None = None) -> Policy:
        """It is never deployed again, not even by a rollback."""
        return self._wire.post(Policy, "policies", policy_id, ":retire", body={"reason": reason}, key=key)
