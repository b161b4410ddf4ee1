"""Control: what the entries of a chronicle add up to. A snapshot: who reads it is not disturbed by what comes after."""

from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Self

from flywheel.core.access import Scope, Token
from flywheel.core.campaign import Campaign, CampaignState, Goal
from flywheel.core.entry import Action, Entry
from flywheel.core.errors import ChronicleError
from flywheel.core.schedule import Schedule, Trigger
from flywheel.core.webhook import Webhook


class IterationState(StrEnum):
    """Where an iteration stands."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    """For a person's approval."""
    SUCCEEDED = "succeeded"
    """Its candidate is, or was, live."""
    REJECTED = "rejected"
    """Its candidate was not promoted."""
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        """Whether it is left never again."""
        return not FOLLOWING[self]


FOLLOWING: Mapping[IterationState, frozenset[IterationState]] = {
    IterationState.QUEUED: frozenset({IterationState.RUNNING, IterationState.CANCELLED}),
    IterationState.RUNNING: frozenset(set(IterationState) - {IterationState.QUEUED, IterationState.RUNNING}),
    IterationState.WAITING: frozenset(
        {IterationState.RUNNING, IterationState.REJECTED, IterationState.FAILED, IterationState.CANCELLED}
    ),
    IterationState.SUCCEEDED: frozenset(),
    IterationState.REJECTED: frozenset(),
    IterationState.FAILED: frozenset(),
    IterationState.CANCELLED: frozenset(),
}
"""The legal next states of each."""


@dataclass(frozen=True, kw_only=True)
class IterationStatus:
    """An iteration as who asked for it sees it."""

    number: int
    state: IterationState
    requested_by: str
    requested_at: str
    overrides: Mapping[str, Any] = field(default_factory=dict)
    """Settings of this iteration alone."""
    campaign: int | None = None
    retry_of: int | None = None
    started_at: str | None = None
    finished_at: str | None = None
    owner: str | None = None
    """The process that turns it, or did last."""
    stages: tuple[str, ...] = ()
    """Those with a record."""
    cancel_requested_by: str | None = None
    approved_by: str | None = None
    reason: str = ""
    """Why it ended as it did."""

    @classmethod
    def of(cls, requested: Entry) -> Self:
        """As it was when it was asked for."""
        return cls(
            number=requested.subject_number,
            state=IterationState.QUEUED,
            requested_by=requested.by,
            requested_at=requested.at,
            overrides=requested.details["overrides"],
            campaign=requested.details["campaign"],
            retry_of=requested.details["retry_of"],
        )


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """One change of the live version."""

    number: int
    policy_id: str
    previous: str | None
    at: str
    by: str
    how: Action
    """Promoted or rolled back."""
    reason: str
    iteration: int | None
    """The one whose gate decided; None where a person did."""
    owner: str | None = None
    """The process whose stage deployed it, and serves it; None where a person decided."""


class Control:
    """Everything that was asked for and decided."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.iterations: dict[int, IterationStatus] = {}
        self.campaigns: dict[int, Campaign] = {}
        self.deployments: list[Deployment] = []
        self.retired: dict[str, Entry] = {}
        self.schedules: dict[str, Schedule] = {}
        self.tokens: dict[str, Token] = {}
        self.webhooks: dict[str, Webhook] = {}
        self.claims: dict[str, Entry] = {}

    @property
    def live(self) -> str | None:
        """The live policy version; None before the first."""
        return self.deployments[-1].policy_id if self.deployments else None

    @property
    def live_before(self) -> str | None:
        """What a rollback makes live: the version before the live one was promoted; None: there is none."""
        lived: list[str] = []
        for deployment in self.deployments:
            if deployment.how is Action.POLICY_ROLLED_BACK and deployment.policy_id in lived:
                del lived[lived.index(deployment.policy_id) + 1 :]
            else:
                lived.append(deployment.policy_id)
        return lived[-2] if len(lived) > 1 else None

    @property
    def current(self) -> IterationStatus | None:
        """The iteration that was started and is not over."""
        busy = (IterationState.RUNNING, IterationState.WAITING)
        return next((some for some in self.iterations.values() if some.state in busy), None)

    @property
    def queued(self) -> list[IterationStatus]:
        """In their order."""
        return [some for _, some in sorted(self.iterations.items()) if some.state is IterationState.QUEUED]

    @property
    def next_iteration(self) -> int:
        """The number that a new one gets."""
        return max(self.iterations, default=-1) + 1

    def after(self, entries: Iterable[Entry]) -> "Control":
        """With these entries too. ChronicleError: they do not follow."""
        following = copy(self)
        for name, value in vars(self).items():
            setattr(following, name, value.copy())
        for entry in entries:
            following._apply(entry)
        return following

    def _apply(self, entry: Entry) -> None:
        if entry.number != len(self.entries):
            raise ChronicleError(f"chronicle: entry {entry.number} comes where {len(self.entries)} is due")
        noun = entry.action.partition(".")[0]
        apply = {
            "iteration": self._apply_to_iteration,
            "campaign": self._apply_to_campaign,
            "policy": self._apply_to_policy,
            "schedule": self._apply_to_schedule,
            "token": self._apply_to_token,
            "webhook": self._apply_to_webhook,
        }.get(noun)
        if apply is not None:
            apply(entry)
        self.entries.append(entry)
        if entry.claim is not None:
            self.claims[entry.claim.key] = entry

    def _apply_to_iteration(self, entry: Entry) -> None:
        number, details = entry.subject_number, entry.details
        if entry.action is Action.ITERATION_REQUESTED:
            self.iterations[number] = IterationStatus.of(entry)
            self._note_firing(entry)
            return
        status = self.iterations[number]
        match entry.action:
            case Action.ITERATION_STARTED:
                status = replace(status, started_at=status.started_at or entry.at, owner=details["owner"])
                if status.state is not IterationState.RUNNING:
                    status = _moved(status, IterationState.RUNNING, entry)
            case Action.STAGE_COMPLETED:
                status = replace(status, stages=(*status.stages, details["stage"]))
            case Action.ITERATION_WAITING:
                status = _moved(status, IterationState.WAITING, entry)
            case Action.ITERATION_APPROVED:
                status = _moved(replace(status, approved_by=entry.by), IterationState.RUNNING, entry)
            case Action.CANCEL_REQUESTED:
                status = replace(status, cancel_requested_by=entry.by)
            case _:
                status = _moved(status, IterationState(details["state"]), entry)
                status = replace(status, finished_at=entry.at, reason=entry.reason)
        self.iterations[number] = status

    def _apply_to_campaign(self, entry: Entry) -> None:
        number, details = entry.subject_number, entry.details
        if entry.action is Action.CAMPAIGN_REQUESTED:
            self.campaigns[number] = Campaign(
                number=number,
                state=CampaignState.ACTIVE,
                goal=Goal.of(details["goal"]),
                overrides=details["overrides"],
                requested_by=entry.by,
                requested_at=entry.at,
            )
            return
        campaign = self.campaigns[number]
        if campaign.state.is_terminal:
            raise ChronicleError(
                f"chronicle: entry {entry.number} changes campaign {number}, which is {campaign.state}"
            )
        match entry.action:
            case Action.CAMPAIGN_PAUSED:
                campaign = replace(campaign, state=CampaignState.PAUSED)
            case Action.CAMPAIGN_RESUMED:
                campaign = replace(campaign, state=CampaignState.ACTIVE)
            case _:
                state = CampaignState(details["state"])
                campaign = replace(campaign, state=state, finished_at=entry.at, reason=entry.reason)
        self.campaigns[number] = campaign

    def _apply_to_policy(self, entry: Entry) -> None:
        if entry.action is Action.POLICY_RETIRED:
            self.retired[entry.subject_name] = entry
            return
        self.deployments.append(
            Deployment(
                number=len(self.deployments),
                policy_id=entry.subject_name,
                previous=self.live,
                at=entry.at,
                by=entry.by,
                how=entry.action,
                reason=entry.reason,
                iteration=entry.details["iteration"],
                owner=entry.details.get("owner"),
            )
        )

    def _apply_to_schedule(self, entry: Entry) -> None:
        name = entry.subject_name
        if entry.action is Action.SCHEDULE_CREATED:
            self.schedules[name] = Schedule(
                name=name,
                trigger=Trigger.of(entry.details["trigger"]),
                overrides=entry.details["overrides"],
                created_by=entry.by,
                created_at=entry.at,
            )
        else:
            del self.schedules[name]

    def _note_firing(self, requested: Entry) -> None:
        occasion = requested.details["occasion"]
        name = requested.by.removeprefix("schedule:")
        if occasion is not None and name in self.schedules:
            self.schedules[name] = replace(self.schedules[name], fired_at=requested.at, fired_for=occasion)

    def _apply_to_token(self, entry: Entry) -> None:
        name = entry.subject_name
        if entry.action is Action.TOKEN_CREATED:
            self.tokens[name] = Token(
                name=name,
                scopes=frozenset(Scope(scope) for scope in entry.details["scopes"]),
                digest=entry.details["digest"],
                created_by=entry.by,
                created_at=entry.at,
                expires_at=entry.details["expires_at"],
            )
        else:
            self.tokens[name] = replace(self.tokens[name], revoked_at=entry.at)

    def _apply_to_webhook(self, entry: Entry) -> None:
        name = entry.subject_name
        if entry.action is Action.WEBHOOK_CREATED:
            self.webhooks[name] = Webhook(
                name=name,
                url=entry.details["url"],
                actions=tuple(Action(action) for action in entry.details["actions"]),
                created_by=entry.by,
                created_at=entry.at,
                since=entry.number,
            )
        else:
            del self.webhooks[name]


def _moved(status: IterationStatus, state: IterationState, entry: Entry) -> IterationStatus:
    if state not in FOLLOWING[status.state]:
        raise ChronicleError(
            f"chronicle: entry {entry.number} makes iteration {status.number} {state}, which is {status.state}"
        )
    return replace(status, state=state)
