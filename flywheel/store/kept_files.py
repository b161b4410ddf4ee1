"""Files that the processes of one machine share, so that each is fetched from the store once per machine."""

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

MAX_BYTES = 2 << 30


class KeptFiles:
    """A folder of files named by their sha256; those unused for longest go first.

    Where it cannot be written, every process fetches for itself.
    """

    def __init__(self, *, folder: Path, max_bytes: int = MAX_BYTES) -> None:
        self._folder, self._max_bytes = folder, max_bytes

    def get(self, digest: str, fetch: Callable[[], bytes]) -> bytes:
        """The file's bytes. `fetch` is called by whoever asks first; others who ask meanwhile wait for it."""
        with self._reserved(digest):
            path = self._folder / digest
            with suppress(OSError):
                data = path.read_bytes()
                if sha256(data).hexdigest() == digest:
                    os.utime(path)
                    return data
            data = fetch()
            with suppress(OSError):
                self._keep(path, data)
            return data

    @contextmanager
    def _reserved(self, digest: str) -> Iterator[None]:
        """A lock on the file's name, which goes with the process."""
        descriptor = None
        with suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._folder / f"{digest}.lock", os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        try:
            yield
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def _keep(self, path: Path, data: bytes) -> None:
        incomplete = path.with_name(f"{uuid4().hex}.incomplete")
        try:
            incomplete.write_bytes(data)
            incomplete.replace(path)
        finally:
            incomplete.unlink(missing_ok=True)
        self._make_room(path)

    def _make_room(self, newest: Path) -> None:
        """Locks stay: whoever waits for one would hold a file that others no longer see."""
        files = sorted(
            (found.stat().st_mtime, found.stat().st_size, found)
            for found in self._folder.iterdir()
            if found.suffix != ".lock" and found != newest
        )
        num_bytes = newest.stat().st_size + sum(size for _, size, _ in files)
        for _, size, found in files:
            if num_bytes <= self._max_bytes:
                return
            found.unlink(missing_ok=True)
            num_bytes -= size


def of_this_machine() -> KeptFiles:
    """Those of this user on this machine."""
    return KeptFiles(folder=Path(tempfile.gettempdir()) / f"flywheel-kept-{os.getuid()}")
