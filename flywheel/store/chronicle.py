"""The chronicle as records: whoever writes number n first has it, and all others decide again."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from threading import Lock

from flywheel.core.control import Control
from flywheel.core.entry import Claim, Draft, Entry, entry_key
from flywheel.core.errors import RecordExistsError, ReplayError
from flywheel.ports import Decide, Records
from flywheel.store.chapters import read_chapters, write_chapter

CHAPTER = 1000
"""Entries of a chapter."""


def utc_now() -> str:
    """RFC 3339, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class RecordedChronicle:
    """`ports.Chronicle`. Entries never change, so each is read once. Any thread may ask."""

    def __init__(self, *, records: Records, clock: Callable[[], str] = utc_now, chapter: int = CHAPTER) -> None:
        self._records, self._clock, self._chapter = records, clock, chapter
        self._control = Control()
        self._num_copied = 0
        """Entries, from the first on, that chapters hold."""
        self._lock, self._copying = Lock(), Lock()

    def control(self) -> Control:
        with self._lock:
            news: list[Entry] = []
            if not self._control.entries:
                news = read_chapters(self._records)
                self._num_copied = len(news)
            while (record := self._records.read(entry_key(len(self._control.entries) + len(news)))) is not None:
                news.append(Entry.of(record))
            if news:
                self._control = self._control.after(news)
            return self._control

    def append(self, decide: Decide, *, claim: Claim | None = None) -> Entry | None:
        while True:
            control = self.control()
            if claim is not None and claim.key in control.claims:
                return _replayed(claim, control)
            draft = decide(control)
            if draft is None:
                return None
            entry = _placed(draft if claim is None else replace(draft, claim=claim), control, at=self._clock())
            try:
                self._records.write(entry_key(entry.number), entry.plain)
            except RecordExistsError:
                continue
            self._copy([*control.entries, entry])
            return entry

    def copy(self) -> int:
        """Writes the chapters that are due and not there; how many entries chapters hold then."""
        self._copy(list(self.control().entries))
        return self._num_copied

    def _copy(self, entries: list[Entry]) -> None:
        """A chapter whose last entry's author died before it was written, too."""
        with self._copying:
            while len(entries) - self._num_copied >= self._chapter:
                write_chapter(self._records, entries[self._num_copied : self._num_copied + self._chapter])
                self._num_copied += self._chapter


def _placed(draft: Draft, control: Control, *, at: str) -> Entry:
    entry = Entry.at_place(draft, number=len(control.entries), at=at)
    control.after([entry])  # What could not be read back is not written.
    return entry


def _replayed(claim: Claim, control: Control) -> Entry:
    entry = control.claims[claim.key]
    assert entry.claim is not None
    if entry.claim.body != claim.body:
        raise ReplayError(
            f"this idempotency key was used at {entry.at} for another request ({entry.action} of {entry.subject}): "
            "use a new key for a new request"
        )
    return entry
