"""What the records of the chronicle add up to, and what is wrong with them."""

from collections.abc import Mapping
from typing import Any

from flywheel.core.control import Control
from flywheel.core.entry import CHAPTERS, CHRONICLE, Entry, entry_key
from flywheel.core.errors import ChronicleError, NewerSchemaError
from flywheel.store import layout
from flywheel.upkeep.finding import Area, Finding, damage


def read_chronicle(records: Mapping[str, Mapping[str, Any]]) -> tuple[Control, list[Finding]]:
    """Control up to the first entry that is missing or wrong. Entries have no gaps: one that is missing is damage."""
    keys = sorted(key for key in records if key.startswith(CHRONICLE))
    entries: list[Entry] = []
    for key in keys:
        due = entry_key(len(entries))
        if key != due:
            problem = f"missing, or cannot be read: there are entries up to {keys[-1]}"
            return _added_up(entries, [damage(Area.RECORDS, layout.record(due), problem)])
        try:
            entries.append(_entry(records[key], number=len(entries)))
        except NewerSchemaError as failure:
            return _added_up(entries, [damage(Area.RECORDS, layout.record(key), failure)])
        except (KeyError, TypeError, ValueError, AttributeError) as failure:
            problem = f"damaged: not an entry ({type(failure).__name__}: {failure})"
            return _added_up(entries, [damage(Area.RECORDS, layout.record(key), problem)])
    return _added_up(entries, [])


def check_chapters(records: Mapping[str, Mapping[str, Any]]) -> list[Finding]:
    """Chapters that are no copies of the entries. An entry that is gone is another finding."""
    return [
        damage(Area.RECORDS, layout.record(key), "damaged: it does not hold what the entries say")
        for key, chapter in records.items()
        if key.startswith(CHAPTERS) and not _is_copy(key.removeprefix(CHAPTERS), chapter["entries"], records)
    ]


def _is_copy(first: str, entries: Any, records: Mapping[str, Mapping[str, Any]]) -> bool:
    named = first.isdigit() and isinstance(entries, list)
    return named and all(records.get(entry_key(at), entry) == entry for at, entry in enumerate(entries, int(first)))


def _entry(record: Mapping[str, Any], *, number: int) -> Entry:
    entry = Entry.of(record)
    if entry.number != number:
        raise ValueError(f"it says that it is entry {entry.number}")
    return entry


def _added_up(entries: list[Entry], findings: list[Finding]) -> tuple[Control, list[Finding]]:
    control = Control()
    try:
        return control.after(entries), findings
    except (ChronicleError, KeyError, TypeError, ValueError):
        pass
    for entry in entries:
        try:
            control = control.after([entry])
        except (ChronicleError, KeyError, TypeError, ValueError) as failure:
            problem = f"damaged: it contradicts the entries before it ({type(failure).__name__}: {failure})"
            findings = [*findings, damage(Area.RECORDS, layout.record(entry_key(entry.number)), problem)]
            break
    return control, findings
