"""Chapters: copies of the chronicle's entries, a thousand to an object, so that who starts reads few objects.

The entries are what was decided. A chapter that is missing or damaged costs time, and nothing else.
"""

import logging
from collections.abc import Sequence
from contextlib import suppress

from flywheel.core.entry import Entry, chapter_key, entry_key
from flywheel.core.errors import RecordExistsError, StoreError, StoreUnavailableError
from flywheel.ports import Records

log = logging.getLogger(__name__)


def read_chapters(records: Records) -> list[Entry]:
    """The entries of all chapters up to the first that is missing or damaged; none where they tell of another history.

    StoreUnavailableError: the store does not answer.
    """
    entries: list[Entry] = []
    while chapter := _chapter(records, len(entries)):
        entries += chapter
    # A chronicle that was put back to an earlier state may have left the chapters of the later one.
    if entries and records.read(entry_key(entries[-1].number)) != entries[-1].plain:
        log.warning("chronicle: the chapters tell of another history than the entries, and are not read")
        return []
    return entries


def write_chapter(records: Records, entries: Sequence[Entry]) -> None:
    """Whoever comes second writes nothing. A store that fails is no concern of who appends."""
    first = entries[0].number
    try:
        with suppress(RecordExistsError):
            records.write(chapter_key(first), {"entries": [entry.plain for entry in entries]})
    except StoreError as failure:
        log.warning("chronicle: no chapter from entry %d on: %s", first, failure)


def _chapter(records: Records, first: int) -> list[Entry]:
    try:
        record = records.read(chapter_key(first))
        entries = [] if record is None else [Entry.of(entry) for entry in record["entries"]]
    except StoreUnavailableError:
        raise
    except (StoreError, KeyError, TypeError, ValueError, AttributeError) as failure:
        log.warning("chronicle: the chapter from entry %d on cannot be read: %s", first, failure)
        return []
    whole = [entry.number for entry in entries] == list(range(first, first + len(entries)))
    return entries if whole else []
