import json
import os
import pickle
from hashlib import sha256

import pytest
from fakes import MemoryRecords

from flywheel.core.errors import RecordExistsError, StoreError
from flywheel.store.folder import LocalFolder
from flywheel.store.objects import open_objects
from flywheel.store.records import JsonRecords

RECORD = {"stage": "train", "digest": "abc", "rates": {"é": 0.1}, "none": None, "list": [1, True]}


@pytest.fixture(params=["memory", "folder", "s3"])
def records(request, tmp_path):
    if request.param == "memory":
        return MemoryRecords()
    store = str(tmp_path) if request.param == "folder" else request.getfixturevalue("s3_store")
    return JsonRecords(objects=open_objects(store))


@pytest.fixture
def written(tmp_path):
    """Stored records and the file of the one under `a/b`."""
    records = JsonRecords(objects=LocalFolder(root=tmp_path))
    records.write("a/b", RECORD)
    return records, tmp_path / "records/a/b.json"


def test_a_record_is_read_as_it_was_written(records):
    records.write("iterations/0000/train", RECORD)
    assert records.read("iterations/0000/train") == RECORD


def test_there_is_nothing_where_nothing_was_written(records):
    assert records.read("a/b") is None
    assert records.keys("") == []


def test_a_record_is_never_replaced(records):
    records.write("a", {"by": "first"})
    with pytest.raises(RecordExistsError, match="a"):
        records.write("a", {"by": "second"})
    assert records.read("a") == {"by": "first"}


def test_who_comes_second_is_told_who_was_first(tmp_path, s3_store):
    for store in (str(tmp_path), s3_store):
        records = JsonRecords(objects=open_objects(store))
        records.write("a/b", RECORD)
        found = rf"{store}/records/a/b.json: is already there, written by process {os.getpid()} on host \S+, started 20"
        with pytest.raises(RecordExistsError, match=found):
            records.write("a/b", RECORD)


def test_a_record_of_an_older_flywheel_is_read_though_it_does_not_say_who_wrote_it(tmp_path):
    objects = LocalFolder(root=tmp_path)
    # As schema version 1 sealed it: the digest of {"a":1} alone.
    digest = sha256(b'{"a":1}').hexdigest()
    objects.put("records/a.json", json.dumps({"schema_version": 1, "digest": digest, "content": {"a": 1}}).encode())
    records = JsonRecords(objects=objects)
    assert records.read("a") == {"a": 1}
    with pytest.raises(RecordExistsError, match="written by an older flywheel"):
        records.write("a", {})


def test_who_wrote_a_record_cannot_be_edited_unnoticed(written):
    records, path = written
    path.write_text(path.read_text().replace(f'"pid": {os.getpid()}', '"pid": 1'))
    with pytest.raises(StoreError, match=r"records/a/b.json: damaged or edited"):
        records.read("a/b")


def test_keys_are_sorted_and_chosen_by_prefix(records):
    for key in ("b/2", "b/10", "a-b", "a", "ab/c"):
        records.write(key, {})
    assert records.keys("") == ["a", "a-b", "ab/c", "b/10", "b/2"]
    assert records.keys("b/") == ["b/10", "b/2"]
    assert records.keys("a") == ["a", "a-b", "ab/c"]


def test_what_is_not_a_string_comes_back_as_json_has_it(records):
    records.write("a", {"numbers": {10: "ten", 9: "nine"}, "pair": (1, 2)})
    assert records.read("a") == {"numbers": {"10": "ten", "9": "nine"}, "pair": [1, 2]}


@pytest.mark.parametrize("value", [float("nan"), object(), b"bytes"])
def test_what_is_not_json_is_refused(records, value):
    with pytest.raises(StoreError, match=r"a.*: not plain JSON"):
        records.write("a", {"value": value})
    assert records.read("a") is None


def test_a_caller_cannot_change_a_record(records):
    mine = {"list": [1]}
    records.write("a", mine)
    mine["list"].append(2)
    records.read("a")["list"].append(3)
    assert records.read("a") == {"list": [1]}


def test_a_record_is_readable_text(written):
    _, path = written
    assert json.loads(path.read_text())["content"] == RECORD
    assert '"é": 0.1' in path.read_text()


def test_an_edited_record_is_noticed(written):
    records, path = written
    path.write_text(path.read_text().replace('"train"', '"evaluate"'))
    with pytest.raises(StoreError, match=r"records/a/b.json: damaged or edited"):
        records.read("a/b")


@pytest.mark.parametrize("length", [0, 1, 40, -3])
def test_a_truncated_record_is_noticed(written, length):
    records, path = written
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(StoreError, match=r"records/a/b.json: damaged"):
        records.read("a/b")


@pytest.mark.parametrize("text", ["[]", "{}", "null", '{"schema_version": 1, "digest": "", "content": []}', "\xff"])
def test_another_file_is_no_record(written, text):
    records, path = written
    path.write_text(text, encoding="latin-1")
    with pytest.raises(StoreError, match=r"records/a/b.json: damaged"):
        records.read("a/b")


def test_a_record_of_a_newer_flywheel_is_refused(written):
    records, path = written
    path.write_text(path.read_text().replace('"schema_version": 2', '"schema_version": 3'))
    with pytest.raises(StoreError, match=r"records/a/b.json: has schema version 3, .* knows up to 2"):
        records.read("a/b")


def test_records_travel_to_other_processes(written):
    assert pickle.loads(pickle.dumps(written[0])).read("a/b") == RECORD
