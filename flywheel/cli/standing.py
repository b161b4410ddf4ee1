"""Standing: where everything stands now, put together from a few requests."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from flywheel.client import Campaign, Deployment, Flywheel, Iteration, IterationState, Task

NUM_LOOKED_AT = 100
NUM_RECENT = 5
BUSY = (IterationState.RUNNING, IterationState.WAITING)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A snapshot."""

    url: str
    current: Iteration | None
    """The iteration that runs, or waits for approval."""
    queued: tuple[int, ...]
    """In their order."""
    recent: tuple[Iteration, ...]
    """The last that ended, the newest first."""
    live: Deployment | None
    tasks: tuple[Task, ...]
    """With the live version's success in its newest evaluation."""
    campaign: Campaign | None
    """The one that is not over."""


def look(wheel: Flywheel) -> Standing:
    """ApiError, UnreachableError: as of the client."""
    newest = list(islice(wheel.iterations.all(), NUM_LOOKED_AT))
    live = wheel.deployments.live()
    campaign = next(wheel.campaigns.all(), None)
    return Standing(
        url=wheel.url,
        current=next((one for one in newest if one.state in BUSY), None),
        queued=tuple(one.number for one in reversed(newest) if one.state is IterationState.QUEUED),
        recent=tuple(islice((one for one in newest if one.state.is_terminal), NUM_RECENT)),
        live=live,
        tasks=tuple(wheel.tasks.all()),
        campaign=None if campaign is None or campaign.state.is_terminal else campaign,
    )
