"""The chronicle at a start: read entry by entry, and by chapters."""

import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count, islice
from time import perf_counter

from benchmarks.writing import machine, publish, table
from flywheel.core.control import IterationState
from flywheel.core.entry import Action, Draft, Entry, entry_key
from flywheel.core.iteration import Stage
from flywheel.ports import Records
from flywheel.store.chapters import write_chapter
from flywheel.store.chronicle import CHAPTER, RecordedChronicle
from flywheel.store.objects import open_objects
from flywheel.store.records import JsonRecords

NUM_ENTRIES = 10_000
STAGES = [stage for stage in Stage if stage is not Stage.INGEST]


def measure(stores: Sequence[str], *, num_entries: int = NUM_ENTRIES) -> None:
    """Of empty stores; none: of a folder that is made for it."""
    before, rows, result = machine(), [], {}
    with tempfile.TemporaryDirectory(prefix="flywheel-bench-") as folder:
        for store in stores or [folder]:
            records = JsonRecords(objects=open_objects(store))
            kind = "S3" if store.startswith("s3://") else "folder"
            seconds = _measured(records, list(islice(_entries(), num_entries)))
            rows.append([kind, *(f"{some:.2f}" for some in seconds)])
            result[kind] = dict(zip(("by_entry_s", "by_chapter_s"), seconds, strict=True))
    publish(
        "chronicle",
        title=f"Reading a chronicle of {num_entries} entries at a start",
        text=table(["store", "entry by entry, s", "by chapters, s"], rows),
        result={"entries": num_entries, "stores": result},
        before=before,
    )


def _measured(records: Records, entries: list[Entry]) -> tuple[float, float]:
    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(lambda entry: records.write(entry_key(entry.number), entry.plain), entries))
    one_by_one = _read(records, entries)
    for first in range(0, len(entries) - CHAPTER + 1, CHAPTER):
        write_chapter(records, entries[first : first + CHAPTER])
    return one_by_one, _read(records, entries)


def _read(records: Records, entries: list[Entry]) -> float:
    began = perf_counter()
    read = RecordedChronicle(records=records).control().entries
    seconds = perf_counter() - began
    assert [entry.plain for entry in read] == [entry.plain for entry in entries]
    return seconds


def _entries() -> Iterator[Entry]:
    """Of iterations that are all rejected."""
    drafts = (draft for number in count() for draft in _of_iteration(number))
    for number, draft in enumerate(drafts):
        yield Entry.at_place(draft, number=number, at="2026-01-05T09:00:00.000Z")


def _of_iteration(number: int) -> Iterator[Draft]:
    asked = {"overrides": {}, "campaign": None, "retry_of": None, "occasion": None}
    ended = {"state": IterationState.REJECTED}
    for action, details in (
        (Action.ITERATION_REQUESTED, asked),
        (Action.ITERATION_STARTED, {"owner": "host 12345 since 2026-01-05T09:00:00Z"}),
        *((Action.STAGE_COMPLETED, {"stage": stage, "wall_s": 12.25}) for stage in STAGES),
        (Action.ITERATION_FINISHED, ended),
    ):
        yield Draft(action=action, subject=f"iterations/{number}", by="supervisor", details=details)
