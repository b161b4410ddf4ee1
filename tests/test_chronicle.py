"""The chronicle on records in memory, in a folder and in S3: whoever writes number n first has it."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from chronicles import doing, ticking
from fakes import MemoryRecords

from flywheel.core.commands import iterations
from flywheel.core.entry import Action, Claim, entry_key
from flywheel.core.errors import ChronicleError, ConflictError, ReplayError, StoreError
from flywheel.store.chronicle import RecordedChronicle
from flywheel.store.objects import open_objects
from flywheel.store.records import JsonRecords

ASK = partial(iterations.request, by="token:a", overrides={}, max_queued=99)


@pytest.fixture(params=["memory", "folder", "s3"])
def records(request, tmp_path):
    if request.param == "memory":
        return MemoryRecords()
    store = str(tmp_path) if request.param == "folder" else request.getfixturevalue("s3_store")
    return JsonRecords(objects=open_objects(store))


def test_another_process_reads_what_one_wrote(records):
    one, other = RecordedChronicle(records=records, clock=ticking()), RecordedChronicle(records=records)
    assert other.control().entries == []
    entry = one.append(ASK)
    assert entry is not None
    assert (entry.number, entry.at, entry.subject) == (0, "2026-01-05T09:00:00.000Z", "iterations/0")
    assert other.control().entries == [entry]
    assert other.append(ASK).subject == "iterations/1"
    assert [some.number for some in one.control().entries] == [0, 1]


def test_of_many_at_once_each_gets_a_number_of_its_own(records):
    def ask(_: int) -> str:
        return RecordedChronicle(records=records).append(ASK).subject

    with ThreadPoolExecutor(max_workers=8) as pool:
        subjects = list(pool.map(ask, range(12)))
    assert sorted(subjects, key=lambda name: int(name.split("/")[1])) == [f"iterations/{n}" for n in range(12)]


def test_a_claim_is_answered_with_its_entry_and_decided_once(records):
    chronicle, claim = RecordedChronicle(records=records), Claim(key="k", body="b")
    first = chronicle.append(ASK, claim=claim)
    chronicle.append(doing(iterations.cancel, 0, by="token:a"))
    assert RecordedChronicle(records=records).append(ASK, claim=claim) == first
    with pytest.raises(ReplayError, match="used at .* for another request"):
        chronicle.append(ASK, claim=Claim(key="k", body="another"))
    assert len(chronicle.control().iterations) == 1


def test_who_comes_second_decides_again(records):
    """Both see iteration 0 queued; only one of them may cancel it."""
    one, other = RecordedChronicle(records=records), RecordedChronicle(records=records)
    one.append(ASK)
    asked = 0

    def slow(control):
        nonlocal asked
        asked += 1
        draft = iterations.cancel(control, 0, by="token:slow")
        if asked == 1:
            other.append(doing(iterations.cancel, 0, by="token:fast"))
        return draft

    with pytest.raises(ConflictError, match="iteration 0 is cancelled already"):
        one.append(slow)
    assert asked == 2
    assert [entry.by for entry in one.control().entries] == ["token:a", "token:fast"]


def test_a_decision_for_nothing_makes_no_entry(records):
    chronicle = RecordedChronicle(records=records)
    assert chronicle.append(lambda control: None) is None
    assert chronicle.control().entries == []


def test_what_could_not_be_read_back_is_not_written():
    chronicle = RecordedChronicle(records=MemoryRecords())
    chronicle.append(ASK)
    chronicle.append(doing(iterations.cancel, 0, by="a"))
    with pytest.raises(ChronicleError, match="makes iteration 0 running, which is cancelled"):
        chronicle.append(
            lambda control: iterations._about(
                control.iterations[0], Action.ITERATION_STARTED, by="x", after="running", details={"owner": "y"}
            )
        )
    assert len(chronicle.control().entries) == 2


def test_an_edited_entry_is_refused(tmp_path):
    records = JsonRecords(objects=open_objects(str(tmp_path)))
    RecordedChronicle(records=records).append(ASK)
    path = tmp_path / "records" / f"{entry_key(0)}.json"
    path.write_text(path.read_text().replace("token:a", "token:b"))
    with pytest.raises(StoreError, match="damaged or edited"):
        RecordedChronicle(records=records).control()
