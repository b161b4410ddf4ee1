"""What a standing looks like: lines for everybody, and a picture with a bar on a terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.text import Text

from flywheel.cli.standing import Standing
from flywheel.cli.words import because, moment, rate

BAR_WIDTH = 40


def lines(standing: Standing) -> list[str]:
    """Everything, from what matters most."""
    shown = [f"service {standing.url}", _current(standing)]
    if standing.queued:
        shown.append(f"queued: {', '.join(map(str, standing.queued))}")
    if standing.campaign is not None:
        campaign = standing.campaign
        shown.append(f"campaign {campaign.number} is {campaign.state}, {campaign.num_iterations} iterations so far")
    if standing.live is None:
        shown.append("no policy version is live")
    else:
        live = standing.live
        shown.append(f"{live.policy_id} is live since {moment(live.at)}, by {live.by}")
        width = max(len(task.name) for task in standing.tasks)
        shown += [f"  {task.name:<{width}}  {rate(task.success)}" for task in standing.tasks]
    shown += [f"iteration {one.number} {one.state}{because(one.reason)}" for one in standing.recent]
    return shown


def headline(standing: Standing) -> str:
    """On one line."""
    live = "no policy version is live" if standing.live is None else f"{standing.live.policy_id} is live"
    queued = f"; queued: {', '.join(map(str, standing.queued))}" if standing.queued else ""
    last = f"; iteration {standing.recent[0].number} {standing.recent[0].state}" if standing.recent else ""
    return f"{_current(standing)}{queued}; {live}{last}"


def picture(standing: Standing, *, trouble: str = "") -> Group:
    """The lines, with a bar under the iteration that runs, and why they may be old."""
    shown: list[RenderableType] = []
    for place, line in enumerate(lines(standing)):
        shown.append(Text(line, overflow="ellipsis", no_wrap=True))
        progress = standing.current.progress if standing.current is not None else None
        if place == 1 and progress is not None and progress.total:
            bar = ProgressBar(total=progress.total, completed=progress.done, width=BAR_WIDTH)
            shown.append(Padding(bar, (0, 0, 0, 2)))
    if trouble:
        shown.append(Text(trouble, style="yellow"))
    return Group(*shown)


def _current(standing: Standing) -> str:
    current = standing.current
    if current is None:
        return "no iteration runs"
    if current.progress is None:
        doing = f"{', '.join(current.stages) or 'nothing'} done"
    else:
        total = f" of {current.progress.total}" if current.progress.total else ""
        doing = f"{current.progress.stage} {current.progress.done}{total}"
    stopping = ", being cancelled" if current.cancel_requested_by else ""
    return f"iteration {current.number} is {current.state}: {doing}{stopping}{because(current.reason)}"
