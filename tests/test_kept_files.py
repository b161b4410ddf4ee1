from concurrent.futures import ProcessPoolExecutor
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from threading import Event

import pytest

from flywheel.store.kept_files import KeptFiles

DATA = b"weights"
DIGEST = sha256(DATA).hexdigest()


class Source:
    """Counts its fetches in files, so that other processes' count too."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(exist_ok=True)

    def fetch(self) -> bytes:
        (self._folder / f"fetch-{self.num_fetches}").touch(exist_ok=False)
        Event().wait(0.2)  # Long enough for others to ask meanwhile.
        return DATA

    @property
    def num_fetches(self) -> int:
        return len(list(self._folder.iterdir()))


def got(folder: Path) -> bytes:
    return KeptFiles(folder=folder / "kept").get(DIGEST, Source(folder / "source").fetch)


def test_processes_that_ask_at_once_fetch_once(tmp_path: Path):
    with ProcessPoolExecutor(max_workers=3, mp_context=get_context("forkserver")) as processes:
        assert list(processes.map(got, [tmp_path] * 6)) == [DATA] * 6
    assert Source(tmp_path / "source").num_fetches == 1


def test_what_was_damaged_is_fetched_anew(tmp_path: Path):
    got(tmp_path)
    (tmp_path / "kept" / DIGEST).write_bytes(b"other")
    assert got(tmp_path) == got(tmp_path) == DATA
    assert Source(tmp_path / "source").num_fetches == 2


def test_those_unused_for_longest_go(tmp_path: Path):
    kept = KeptFiles(folder=tmp_path, max_bytes=25)
    files = {sha256(data).hexdigest(): data for data in (b"a" * 10, b"b" * 10, b"c" * 10)}
    first, second, third = files
    fetched: list[str] = []

    def ask(digest: str) -> None:
        assert kept.get(digest, lambda: fetched.append(digest) or files[digest]) == files[digest]

    for digest in (first, second, first, third, first, second):
        ask(digest)
    assert fetched == [first, second, third, second]


def test_where_nothing_can_be_kept_everything_is_fetched(tmp_path: Path):
    (tmp_path / "kept").write_text("a file where the folder should be")
    assert got(tmp_path) == got(tmp_path) == DATA
    assert Source(tmp_path / "source").num_fetches == 2


def test_what_cannot_be_fetched_is_not_kept(tmp_path: Path):
    kept = KeptFiles(folder=tmp_path)
    calls = iter([OSError("away"), DATA])

    def fetch() -> bytes:
        answer = next(calls)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with pytest.raises(OSError, match="away"):
        kept.get(DIGEST, fetch)
    assert kept.get(DIGEST, fetch) == DATA
