"""Entry: one line of the chronicle. Everything that was asked for and decided follows from the entries in order."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Final, Self

from flywheel.core.errors import NewerSchemaError

CHRONICLE: Final = "chronicle/"
"""Prefix of the entries' records."""
CHAPTERS: Final = "chapters/"
"""Prefix of copies of many entries, each in one record."""


class Action(StrEnum):
    """What was done, as `<noun>.<verb>`."""

    ITERATION_REQUESTED = "iteration.requested"
    ITERATION_STARTED = "iteration.started"
    STAGE_COMPLETED = "iteration.stage_completed"
    ITERATION_WAITING = "iteration.waiting"
    ITERATION_APPROVED = "iteration.approved"
    CANCEL_REQUESTED = "iteration.cancel_requested"
    ITERATION_FINISHED = "iteration.finished"
    CAMPAIGN_REQUESTED = "campaign.requested"
    CAMPAIGN_PAUSED = "campaign.paused"
    CAMPAIGN_RESUMED = "campaign.resumed"
    CAMPAIGN_FINISHED = "campaign.finished"
    POLICY_PROMOTED = "policy.promoted"
    POLICY_ROLLED_BACK = "policy.rolled_back"
    POLICY_RETIRED = "policy.retired"
    SCHEDULE_CREATED = "schedule.created"
    SCHEDULE_DELETED = "schedule.deleted"
    TOKEN_CREATED = "token.created"
    TOKEN_REVOKED = "token.revoked"
    WEBHOOK_CREATED = "webhook.created"
    WEBHOOK_DELETED = "webhook.deleted"
    EPISODES_FAILING = "episodes.failing"


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What a client calls a request that it may send again: two with one key are one request."""

    key: str
    """sha256 over who asked, for what, and the client's key."""
    body: str
    """sha256 of what was sent: another body under the same key is a mistake."""


@dataclass(frozen=True, kw_only=True)
class Draft:
    """An entry before it has a place in the chronicle."""

    action: Action
    subject: str
    """What it was done to: `iterations/7`, `policies/policy-0003`."""
    by: str
    """Who: `token:<name>`, `schedule:<name>`, `campaign:<number>`, `gate`, `supervisor`, `command line`."""
    reason: str = ""
    """In words; of a failure, its root cause."""
    before: str | None = None
    after: str | None = None
    """What changed: a state, or the live policy version."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """Plain JSON values; which ones follows from the action."""
    claim: Claim | None = None


@dataclass(frozen=True, kw_only=True)
class Entry(Draft):
    """What was done, in its place."""

    number: int
    """Counts from 0 without gaps."""
    at: str
    """RFC 3339, UTC. Order is by number; clocks of several machines may disagree."""

    @classmethod
    def at_place(cls, draft: Draft, *, number: int, at: str) -> Self:
        """The draft as the entry with this number."""
        fields = {name: getattr(draft, name) for name in Draft.__dataclass_fields__}
        return cls(number=number, at=at, **fields)

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Self:
        """From its record. NewerSchemaError: it says what this flywheel does not know, and cannot pass over."""
        unknown = record.keys() - cls.__dataclass_fields__.keys()
        if unknown or record["action"] not in list(Action):
            what = f"field {min(unknown)}" if unknown else f"action {record['action']}"
            raise NewerSchemaError(
                f"entry {record.get('number')} of the chronicle has the unknown {what}: use a newer flywheel"
            )
        claim = record["claim"]
        return cls(
            **{
                **record,
                "action": Action(record["action"]),
                "claim": None if claim is None else Claim(**claim),
            }
        )

    @property
    def plain(self) -> dict[str, Any]:
        """As it is recorded."""
        return asdict(self)

    @property
    def subject_number(self) -> int:
        """Of a subject that is numbered."""
        return int(self.subject.rpartition("/")[2])

    @property
    def subject_name(self) -> str:
        """The subject without its kind."""
        return self.subject.partition("/")[2]


def entry_key(number: int) -> str:
    """Where an entry is recorded."""
    return f"{CHRONICLE}{number:08d}"


def chapter_key(first: int) -> str:
    """Where the copies of the entries from this number on are recorded."""
    return f"{CHAPTERS}{first:08d}"
