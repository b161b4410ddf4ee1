"""A process's own folder below one that many share. It goes with the process, at the latest when another one starts."""

import fcntl
import os
import shutil
from contextlib import suppress
from pathlib import Path
from uuid import uuid4
from weakref import finalize


class SpoolFolder:
    """Made at the first write. A lock beside it, freed when the process ends, says that it is in use."""

    def __init__(self, *, parent: Path) -> None:
        """Takes away the folders of processes that are gone."""
        self._parent, self._name = parent.absolute(), uuid4().hex
        self._is_claimed = False
        for lock in self._parent.glob("*.lock"):
            _remove_if_left(lock)

    @property
    def path(self) -> Path:
        return self._parent / self._name

    def write(self, name: str, data: bytes) -> Path:
        """OSError: there is no room, or no right to write there. Nothing of the file is left then."""
        self._claim()
        path = self.path / name
        try:
            path.write_bytes(data)
        except OSError:
            path.unlink(missing_ok=True)
            raise
        return path

    def _claim(self) -> None:
        if not self._is_claimed:
            self._parent.mkdir(parents=True, exist_ok=True)
            # Locked before others can see it, so that nobody takes it for one that was left.
            hidden, lock = self._parent / f".{self._name}", self._parent / f"{self._name}.lock"
            descriptor = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            finalize(self, _remove, lock, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            hidden.rename(lock)
            self._is_claimed = True
        self.path.mkdir(exist_ok=True)


def _remove_if_left(lock: Path) -> None:
    with suppress(OSError):  # Taken away by another process that starts.
        descriptor = os.open(lock, os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)  # Its process lives.
        else:
            _remove(lock, descriptor)


def _remove(lock: Path, descriptor: int) -> None:
    """The folder and its lock; the lock last, so that a folder without one is nobody's."""
    shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
    lock.unlink(missing_ok=True)
    os.close(descriptor)
