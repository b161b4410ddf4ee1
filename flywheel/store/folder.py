"""Objects in a local folder."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pyarrow as pa

from flywheel.core.errors import ConfigError, NotFoundError, RecordExistsError, StoreError
from flywheel.store.calls import Operation, told
from flywheel.store.keys import ObjectEntry, check_key


class LocalFolder:
    """Objects as files of a folder. Written beside their place, synced, then moved in: never half there.

    Names that start with a dot are unfinished writes; nothing reads them.
    """

    def __init__(self, *, root: str | Path) -> None:
        path = Path(root).expanduser().absolute()
        if path.exists() and not path.is_dir():
            raise ConfigError(f"store {path}: is not a folder")
        if re.search(r"%[0-9A-Fa-f]{2}", str(path)):
            # Delta Lake decodes such a path and then looks in another folder.
            raise ConfigError(f"store {path}: % followed by two hexadecimal digits is not possible in its path")
        self._root = str(path)

    def put(self, key: str, data: bytes) -> None:
        self.put_blocks(key, (data,))

    def put_blocks(self, key: str, content: Iterable[bytes]) -> None:
        path = self._path(key)
        with told(Operation.PUT), _translated(path), _written(path, content) as unfinished:
            os.replace(unfinished, path)

    def put_if_absent(self, key: str, data: bytes) -> None:
        path = self._path(key)
        with told(Operation.PUT), _translated(path), _written(path, (data,)) as unfinished:
            try:
                os.link(unfinished, path)
            except FileExistsError as failure:
                raise RecordExistsError(f"{path}: is already there") from failure

    def get(self, key: str) -> bytes:
        path = self._path(key)
        with told(Operation.GET), _translated(path):
            return path.read_bytes()

    def get_range(self, key: str, start: int, length: int) -> bytes:
        path = self._path(key)
        with told(Operation.GET), _translated(path), path.open("rb") as file:
            file.seek(start)
            return file.read(length)

    def open(self, key: str) -> pa.NativeFile:
        path = self._path(key)
        with told(Operation.GET), _translated(path):
            return pa.OSFile(str(path))

    def keys(self, prefix: str) -> Iterator[str]:
        folder = prefix.rpartition("/")[0]
        path = self._path(folder) if folder else Path(self._root)
        below = f"{folder}/" if folder else ""
        with told(Operation.LIST):
            return iter([key for key in _files(path, below) if key.startswith(prefix)])

    def entries(self, prefix: str) -> Iterator[ObjectEntry]:
        for key in self.keys(prefix):
            with suppress(NotFoundError):  # Deleted since it was listed.
                yield self._entry(key)

    def delete(self, key: str) -> None:
        path = self._path(key)
        with suppress(NotFoundError), told(Operation.DELETE), _translated(path):
            path.unlink()

    def url(self, key: str) -> str:
        return str(self._path(key))

    def presign(self, key: str, *, expires_s: float) -> str:
        return self._path(key).as_uri()

    @property
    def options(self) -> Mapping[str, str]:
        return {}

    def _entry(self, key: str) -> ObjectEntry:
        path = self._path(key)
        with _translated(path):
            found = path.stat()
        return ObjectEntry(key=key, num_bytes=found.st_size, modified_at=datetime.fromtimestamp(found.st_mtime, tz=UTC))

    def _path(self, key: str) -> Path:
        check_key(key)
        return Path(self._root, key)


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as failure:
        raise NotFoundError(f"{path}: no such object") from failure
    except OSError as failure:
        raise StoreError(f"{path}: {failure.strerror or failure}") from failure


@contextmanager
def _written(path: Path, content: Iterable[bytes]) -> Iterator[Path]:
    """A synced file of the content beside the path; it is gone afterwards, and what was made of it is synced."""
    _make_folder(path.parent)
    unfinished = path.with_name(f".{uuid4().hex}.tmp")
    try:
        with unfinished.open("xb") as file:
            for block in content:
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
        yield unfinished
    finally:
        unfinished.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _files(folder: Path, below: str) -> Iterator[str]:
    """Keys of the files in and under the folder, sorted as keys: a folder's name sorts with its slash."""
    try:
        with os.scandir(folder) as found:
            entries = sorted(
                f"{entry.name}/" if entry.is_dir() else entry.name for entry in found if not entry.name.startswith(".")
            )
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as failure:
        raise StoreError(f"{folder}: {failure.strerror}") from failure
    for name in entries:
        if name.endswith("/"):
            yield from _files(folder / name, f"{below}{name}")
        else:
            yield f"{below}{name}"
