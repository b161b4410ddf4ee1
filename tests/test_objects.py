import os
import pickle
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from urllib.request import urlopen

import pytest

from flywheel.core.errors import ConfigError, NotFoundError, RecordExistsError, StoreError
from flywheel.store.blocks import BLOCK_BYTES, Hashed, blocks
from flywheel.store.folder import LocalFolder
from flywheel.store.objects import Objects, open_objects

CLOCK_TOLERANCE = timedelta(seconds=2)
"""Listings may round to seconds."""


@pytest.fixture(params=["folder", "s3"])
def objects(request, tmp_path) -> Objects:
    store = str(tmp_path / "a store") if request.param == "folder" else request.getfixturevalue("s3_store")
    return open_objects(store)


def test_what_was_put_is_there(objects):
    objects.put("a/b.bin", b"\0\1")
    assert objects.get("a/b.bin") == b"\0\1"


def test_put_replaces(objects):
    objects.put("a", b"a longer text")
    objects.put("a", b"short")
    assert objects.get("a") == b"short"


@pytest.mark.parametrize("sizes", [(), (0,), (5,), (BLOCK_BYTES,), (BLOCK_BYTES, 3), (BLOCK_BYTES, BLOCK_BYTES)])
def test_what_was_put_in_blocks_is_whole_and_comes_back_in_blocks(objects, sizes):
    content = [os.urandom(size) for size in sizes]
    objects.put("a/b", b"before")
    objects.put_blocks("a/b", iter(content))
    assert list(blocks(objects, "a/b")) == [block for block in content if block]
    assert [entry.num_bytes for entry in objects.entries("a/")] == [sum(sizes)]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_where_the_blocks_end_in_an_error_nothing_is_written(objects, count):
    objects.put("a", b"before")
    promised = Hashed([bytes(BLOCK_BYTES)] * count, promised="0" * 64, wrong="not as promised")
    with pytest.raises(StoreError, match="not as promised"):
        objects.put_blocks("a", promised)
    assert objects.get("a") == b"before"
    assert list(objects.keys("")) == ["a"]


def test_put_if_absent_keeps_what_is_there(objects):
    objects.put_if_absent("a", b"first")
    with pytest.raises(RecordExistsError, match="a: is already there"):
        objects.put_if_absent("a", b"second")
    assert objects.get("a") == b"first"


def test_of_many_that_put_at_once_one_wins(objects):
    barrier = Barrier(8)

    def attempt(number: int) -> int | None:
        barrier.wait()
        try:
            objects.put_if_absent("race", str(number).encode())
        except RecordExistsError:
            return None
        return number

    with ThreadPoolExecutor(8) as pool:
        winners = [number for number in pool.map(attempt, range(8)) if number is not None]
    assert [str(number).encode() for number in winners] == [objects.get("race")]


@pytest.mark.parametrize("key", ["missing", "a/missing", "a/b/c"])
def test_what_is_missing_is_not_found(objects, key):
    objects.put("a/b", b"")
    with pytest.raises(NotFoundError, match=key):
        objects.get(key)
    with pytest.raises(NotFoundError, match=key):
        objects.open(key)


def test_an_open_object_is_read_at_any_position(objects):
    objects.put("a", b"0123456789")
    with objects.open("a") as file:
        file.seek(7)
        assert file.read(2) == b"78"
        assert file.size() == 10


def test_a_range_is_what_there_is_of_it(objects):
    objects.put("a", b"0123456789")
    assert objects.get_range("a", 2, 3) == b"234"
    assert objects.get_range("a", 8, 100) == b"89"
    assert objects.get_range("a", 10, 1) == b""
    assert objects.get_range("a", 3, 0) == b""
    with pytest.raises(NotFoundError, match="missing"):
        objects.get_range("missing", 0, 1)


def test_entries_say_how_large_and_how_old(objects):
    before = datetime.now(UTC) - CLOCK_TOLERANCE
    objects.put("a/b", b"12345")
    objects.put("a-b", b"")
    objects.put("b", b"")
    after = datetime.now(UTC) + CLOCK_TOLERANCE
    entries = list(objects.entries("a"))
    assert [(entry.key, entry.num_bytes) for entry in entries] == [("a-b", 0), ("a/b", 5)]
    assert all(before <= entry.modified_at <= after for entry in entries)


def test_a_presigned_url_reads_the_object_without_credentials(objects):
    objects.put("a b/c", b"content")
    with urlopen(objects.presign("a b/c", expires_s=60)) as answer:
        assert answer.read() == b"content"


def test_keys_are_sorted_as_text_and_chosen_by_prefix(objects):
    for key in ("a/b", "a.json", "a-b", "a/b.c/d", "ab/c", "b"):
        objects.put(key, b"")
    # In ASCII: "-" before "." before "/" before letters.
    assert list(objects.keys("")) == ["a-b", "a.json", "a/b", "a/b.c/d", "ab/c", "b"]
    assert list(objects.keys("a/")) == ["a/b", "a/b.c/d"]
    assert list(objects.keys("a/b.")) == ["a/b.c/d"]
    assert list(objects.keys("ab")) == ["ab/c"]
    assert list(objects.keys("nothing/here")) == []


def test_a_deleted_object_is_gone_and_deleting_again_is_no_error(objects):
    objects.put("a/b", b"")
    for _ in range(2):
        objects.delete("a/b")
        assert list(objects.keys("")) == []
    objects.delete("a/b/c")


@pytest.mark.parametrize("key", ["", "/a", "a//b", "a/", "../a", "a/../b", ".a", "a/.b", "a\0"])
def test_a_key_cannot_leave_the_store_or_hide_in_it(objects, key):
    with pytest.raises(StoreError, match="is not a key"):
        objects.put(key, b"")


def test_objects_travel_to_other_processes(objects):
    objects.put("a", b"b")
    assert pickle.loads(pickle.dumps(objects)).get("a") == b"b"


WRITER = """
import sys
from flywheel.store.folder import LocalFolder
objects = LocalFolder(root=sys.argv[1])
texts = [letter * 2_000_000 for letter in (b"a", b"b")]
objects.put("replaced", texts[0])
print("ready", flush=True)
for number in range(100_000):
    objects.put("replaced", texts[number % 2])
    objects.put_if_absent(f"new/{number}", texts[0])
"""


def test_a_killed_writer_leaves_no_half_object(tmp_path):
    for _ in range(2):
        with subprocess.Popen([sys.executable, "-c", WRITER, tmp_path], stdout=subprocess.PIPE) as writer:
            writer.stdout.readline()
            objects = LocalFolder(root=tmp_path)
            while not list(objects.keys("new/")):
                pass
            os.kill(writer.pid, signal.SIGKILL)
        assert set(objects.get("replaced")) in ({ord("a")}, {ord("b")})
        for key in list(objects.keys("")):
            assert len(objects.get(key)) == 2_000_000
            objects.delete(key)


LIMITED = """
import resource, sys
from flywheel.core.errors import StoreError
from flywheel.store.folder import LocalFolder
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
objects = LocalFolder(root=sys.argv[1])
objects.put("a", b"small")
for put in (objects.put, objects.put_if_absent):
    try:
        put(sys.argv[2], bytes(2000))
    except StoreError as failure:
        print(failure)
"""


def test_a_write_that_does_not_fit_names_the_object_and_leaves_what_was_there(tmp_path):
    limited = [sys.executable, "-c", LIMITED, tmp_path, "a"]
    output = subprocess.run(limited, capture_output=True, text=True, check=True).stdout
    assert output.splitlines() == [f"{tmp_path / 'a'}: File too large"] * 2
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert LocalFolder(root=tmp_path).get("a") == b"small"


def test_a_store_is_a_path_or_a_file_url(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for url in ("a b", str(tmp_path / "a b"), (tmp_path / "a b").as_uri()):
        assert open_objects(url).url("c") == str(tmp_path / "a b" / "c")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert open_objects("~/c").url("d") == str(tmp_path / "c/d")


def test_opening_a_store_makes_nothing(tmp_path):
    assert list(open_objects(str(tmp_path / "new")).keys("")) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("s3://Bucket/prefix", "must be s3://bucket/prefix, the bucket in lower case"),
        ("s3://bucket/a%20b", "must be s3://bucket/prefix"),
        ("s3://bucket/../b", "must be s3://bucket/prefix"),
        ("https://example.org/store", "unknown kind https://"),
        ("file://otherhost/store", "another host"),
        ("a%20b", "hexadecimal"),
    ],
)
def test_other_stores_are_refused_with_the_reason(url, reason):
    with pytest.raises(ConfigError, match=reason):
        open_objects(url)


def test_a_store_is_not_a_file(tmp_path):
    Path(tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="file: is not a folder"):
        open_objects(str(tmp_path / "file"))
