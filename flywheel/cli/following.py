"""Following: an iteration, or a campaign, from its beginning to its end, on a terminal, in a log, or as JSON lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from flywheel.cli.asking import Ask, print_json_line
from flywheel.cli.exits import Exit, of_campaign, of_state
from flywheel.cli.words import because, in_percent
from flywheel.client import Campaign, Entry, Progress
from flywheel.core.entry import Action

Event = Campaign | Entry | Progress


def follow(ask: Ask, number: int) -> Exit:
    """An iteration, until it is over. Ctrl-C ends the following, not the iteration."""
    if not _followed(ask, ask.wheel.iterations.follow(number)):
        _say_aside(f"iteration {number} goes on; `flywheel cancel {number}` stops it")
        return Exit.INTERRUPTED
    found = ask.wheel.iterations.get(number)
    if ask.as_json:
        print_json_line({"event": "iteration", "data": found})
    return of_state(found.state)


def follow_campaign(ask: Ask, number: int) -> Exit:
    """A campaign, until it is over. Ctrl-C ends the following, not the campaign."""
    if not _followed(ask, ask.wheel.campaigns.follow(number)):
        _say_aside(f"campaign {number} goes on; `flywheel campaign cancel {number}` stops it")
        return Exit.INTERRUPTED
    found = ask.wheel.campaigns.get(number)
    return of_campaign(found.state, found.goal)


def _followed(ask: Ask, events: Iterator[Event]) -> bool:
    """Whether to the end."""
    try:
        _as_json(events) if ask.as_json else _in_words(events)
    except KeyboardInterrupt:
        return False
    return True


def _as_json(events: Iterator[Event]) -> None:
    for event in events:
        print_json_line({"event": type(event).__name__.lower(), "data": event})


def _in_words(events: Iterator[Event]) -> None:
    console = Console()
    bars = Bars(
        TextColumn("  {task.description:<9}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    stage: str | None = None
    bar: TaskID | None = None
    with bars:
        for event in events:
            if bar is not None and (not isinstance(event, Progress) or event.stage != stage):
                bars.remove_task(bar)
                bar = None
            if not isinstance(event, Progress):
                console.print(line(event), highlight=False, markup=False, soft_wrap=True)
                continue
            if bar is None:
                stage, bar = event.stage, bars.add_task(event.stage)
            bars.update(bar, completed=event.done, total=event.total or None)


def line(event: Entry | Campaign) -> str:
    """An entry of an iteration, or where a campaign stands, in words."""
    return _of_entry(event) if isinstance(event, Entry) else _of_campaign(event)


def _of_campaign(found: Campaign) -> str:
    at = clock(found.finished_at) if found.finished_at else ""
    return f"{at:<8}  campaign {found.number} is {found.state}{because(found.reason)}"


def _of_entry(entry: Entry) -> str:
    number = entry.subject.rpartition("/")[2]
    why = because(entry.reason)
    match entry.action:
        case Action.ITERATION_REQUESTED:
            what = f"iteration {number} is asked for by {entry.by}{why}"
        case Action.ITERATION_STARTED:
            what = f"iteration {number} runs"
        case Action.STAGE_COMPLETED:
            what = _stage(entry.details)
        case Action.ITERATION_WAITING:
            what = f"iteration {number} waits for approval{why}; `flywheel approve {number}` or `decline`"
        case Action.ITERATION_APPROVED:
            what = f"iteration {number} is approved by {entry.by}{why}"
        case Action.CANCEL_REQUESTED:
            what = f"iteration {number} is being cancelled by {entry.by}{why}"
        case Action.ITERATION_FINISHED:
            what = f"iteration {number} {entry.after}{why}"
        case _:
            what = f"{entry.action} {entry.subject}{why}"
    return f"{clock(entry.at)}  {what}"


def _say_aside(message: str) -> None:
    """Where it disturbs nobody who reads the output."""
    Console(stderr=True).print(message, markup=False)


def _stage(details: Mapping[str, Any]) -> str:
    """What a finished stage told of itself; an older or a newer service may tell less."""
    told: list[str] = []
    if details.get("success"):
        told.append(
            ", ".join(f"{task.rpartition('/')[2]} {in_percent(rate)}" for task, rate in details["success"].items())
        )
    if details.get("decision"):
        told.append(f"{details['decision']}{because(details.get('reason', ''))}")
    elif details.get("policy_id"):
        told.append(str(details["policy_id"]))
    if "deployed" in details:
        told.append(f"{details.get('live')} {'is' if details['deployed'] else 'stays'} live")
    took = f"{details['wall_s']:>7.1f} s" if "wall_s" in details else ""
    return f"  {details.get('stage', 'a stage'):<9}{took}  {'; '.join(told) or 'done'}"


def clock(at: str) -> str:
    """The time of day of an RFC 3339 time, in UTC."""
    return at.partition("T")[2][:8]
