"""Campaigns: one iteration after the other, until the campaign's goal is reached or something stops it."""

import logging
from collections.abc import Callable

from flywheel.core.campaign import Campaign, CampaignState, ending, hours_between
from flywheel.core.commands import campaigns, iterations
from flywheel.core.control import Control, IterationState, IterationStatus
from flywheel.core.entry import Action, Draft, Entry
from flywheel.core.errors import ConflictError
from flywheel.ports import Chronicle, Records
from flywheel.service.history import History

log = logging.getLogger(__name__)


class Campaigns:
    """Looks after the active campaign. Any number of processes may: what is asked for is asked for once."""

    def __init__(self, *, chronicle: Chronicle, records: Records, now: Callable[[], str], max_queued: int) -> None:
        self._chronicle, self._now, self._max_queued = chronicle, now, max_queued
        self._history = History(records=records)
        self._told = ""

    def tick(self) -> Entry | None:
        """Takes the next step, if one is due. StoreError: the store does not answer; the next call tries again."""
        try:
            return self._chronicle.append(self._decide)
        except ConflictError as full:
            if str(full) != self._told:
                log.info("the campaign waits: %s", full)
            self._told = str(full)
            return None

    def _decide(self, control: Control) -> Draft | None:
        active = [some for some in control.campaigns.values() if some.state is CampaignState.ACTIVE]
        if not active:
            return None
        (campaign,) = active
        own = [some for _, some in sorted(control.iterations.items()) if some.campaign == campaign.number]
        if any(not some.state.is_terminal for some in own):
            return None
        return (
            (_stopped(control, campaign, own[-1]) if own else None)
            or self._ended(control, campaign, own)
            or iterations.request(
                control,
                by=f"campaign:{campaign.number}",
                overrides=campaign.overrides,
                max_queued=self._max_queued,
                campaign=campaign.number,
            )
        )

    def _ended(self, control: Control, campaign: Campaign, own: list[IterationStatus]) -> Draft | None:
        """By its goal, after the iterations that went to their end."""
        steps = [
            self._history.step(some)
            for some in own
            if some.state in (IterationState.SUCCEEDED, IterationState.REJECTED)
        ]
        over = ending(campaign.goal, steps, hours=hours_between(campaign.requested_at, self._now()))
        return None if over is None else _finished(control, campaign, *over)


def _stopped(control: Control, campaign: Campaign, newest: IterationStatus) -> Draft | None:
    """By its newest iteration: a failure fails the campaign, and who cancels an iteration wants it to pause.

    Who resumes the campaign after that has seen it, and it goes on.
    """
    if newest.state not in (IterationState.FAILED, IterationState.CANCELLED):
        return None
    end = _last(control, Action.ITERATION_FINISHED, f"iterations/{newest.number}")
    resumed = _last(control, Action.CAMPAIGN_RESUMED, f"campaigns/{campaign.number}")
    if end is None or (resumed is not None and resumed.number > end.number):
        return None
    if newest.state is IterationState.FAILED:
        return _finished(control, campaign, CampaignState.FAILED, f"iteration {newest.number} failed: {end.reason}")
    who = newest.cancel_requested_by or end.by
    why = f": {end.reason}" if end.reason else ""
    reason = f"iteration {newest.number} was cancelled by {who}{why}"
    return campaigns.pause(control, campaign.number, by=f"campaign:{campaign.number}", reason=reason)


def _finished(control: Control, campaign: Campaign, state: CampaignState, reason: str) -> Draft:
    return campaigns.finish(control, campaign.number, state=state, by=f"campaign:{campaign.number}", reason=reason)


def _last(control: Control, action: Action, subject: str) -> Entry | None:
    return next((some for some in reversed(control.entries) if (some.action, some.subject) == (action, subject)), None)
