"""Chronicles in memory, and entries made by commands one after the other."""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from fakes import MemoryRecords

from flywheel.core.control import Control
from flywheel.core.entry import Draft, Entry
from flywheel.store.chronicle import RecordedChronicle


def ticking() -> Callable[[], str]:
    """A clock that goes on by a minute whenever it is asked."""
    minutes: Iterator[int] = count()
    return lambda: f"2026-01-05T09:{next(minutes):02d}:00.000Z"


def chronicle(records: MemoryRecords | None = None) -> RecordedChronicle:
    return RecordedChronicle(records=records or MemoryRecords(), clock=ticking())


def control_after(*decisions: Callable[[Control], Draft | None]) -> Control:
    """What they add up to; each decides on what the ones before left."""
    control = Control()
    for decide in decisions:
        draft = decide(control)
        if draft is not None:
            control = control.after([placed(draft, control)])
    return control


def placed(draft: Draft, control: Control) -> Entry:
    number = len(control.entries)
    return Entry.at_place(draft, number=number, at=f"2026-01-05T{number // 60:02d}:{number % 60:02d}:00.000Z")


def doing(command: Callable[..., Draft | None], *args: Any, **values: Any) -> Callable[[Control], Draft | None]:
    """The command with everything but the control."""
    return lambda control: command(control, *args, **values)
