"""A process's own folder below one that many share, which outlives it no longer than until another one starts."""

import fcntl
import os
import shutil
from io import FileIO
from pathlib import Path
from uuid import uuid4


class SpoolFolder:
    """Made at the first write. A lock beside it, freed when the process ends, says that it is in use."""

    def __init__(self, *, parent: Path) -> None:
        """Takes away the folders of processes that are gone."""
        self._parent, self._name = parent.absolute(), uuid4().hex
        self._lock: FileIO | None = None
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
        if self._lock is None:
            self._parent.mkdir(parents=True, exist_ok=True)
            # Locked before others can see it, so that nobody takes it for one that was left.
            hidden = self._parent / f".{self._name}"
            lock = FileIO(hidden, "x")
            fcntl.flock(lock, fcntl.LOCK_EX)
            os.rename(hidden, self._parent / f"{self._name}.lock")
            self._lock = lock
        self.path.mkdir(exist_ok=True)


def _remove_if_left(path: Path) -> None:
    try:
        with FileIO(path, "r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path.with_suffix(""), ignore_errors=True)
            path.unlink(missing_ok=True)
    except OSError:
        return  # Somebody's, or gone already.
