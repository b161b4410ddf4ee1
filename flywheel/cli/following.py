"""Following: an iteration from its beginning to its end, on a terminal, in a log, or as JSON lines."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from flywheel.cli.asking import Ask, print_json_line
from flywheel.cli.exits import Exit, of_state
from flywheel.cli.words import because
from flywheel.client import Entry
from flywheel.core.entry import Action


def follow(ask: Ask, number: int) -> Exit:
    """Until it is over. Ctrl-C ends the following, not the iteration."""
    try:
        _as_json(ask, number) if ask.as_json else _in_words(ask, number)
    except KeyboardInterrupt:
        Console(stderr=True).print(f"iteration {number} goes on; `flywheel cancel {number}` stops it", markup=False)
        return Exit.INTERRUPTED
    found = ask.wheel.iterations.get(number)
    if ask.as_json:
        print_json_line({"event": "iteration", "data": found})
    return of_state(found.state)


def _as_json(ask: Ask, number: int) -> None:
    for event in ask.wheel.iterations.follow(number):
        print_json_line({"event": "entry" if isinstance(event, Entry) else "progress", "data": event})


def _in_words(ask: Ask, number: int) -> None:
    console = Console()
    bars = Progress(
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
        for event in ask.wheel.iterations.follow(number):
            if bar is not None and (isinstance(event, Entry) or event.stage != stage):
                bars.remove_task(bar)
                bar = None
            if isinstance(event, Entry):
                console.print(line(event), highlight=False, markup=False, soft_wrap=True)
                continue
            if bar is None:
                stage, bar = event.stage, bars.add_task(event.stage)
            bars.update(bar, completed=event.done, total=event.total or None)


def line(entry: Entry) -> str:
    """An entry of an iteration, in words."""
    number = entry.subject.rpartition("/")[2]
    why = because(entry.reason)
    match entry.action:
        case Action.ITERATION_REQUESTED:
            what = f"iteration {number} is asked for by {entry.by}{why}"
        case Action.ITERATION_STARTED:
            what = f"iteration {number} runs"
        case Action.STAGE_COMPLETED:
            what = f"  {entry.details.get('stage', 'a stage')} is done"
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


def clock(at: str) -> str:
    """The time of day of an RFC 3339 time, in UTC."""
    return at.partition("T")[2][:8]
