"""Objects: named bytes. The only file that knows where they lie; all that a store needs from object storage."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import pyarrow as pa

from flywheel.core.errors import ConfigError, NotFoundError, RecordExistsError, StoreError


class Objects(Protocol):
    """Bytes under slash-separated keys. A key is seen complete or not at all. Every failure is a StoreError."""

    def put(self, key: str, data: bytes) -> None:
        """Writes or replaces."""
        ...

    def put_if_absent(self, key: str, data: bytes) -> None:
        """RecordExistsError: the key is taken. Of many that try at once, one wins."""
        ...

    def get(self, key: str) -> bytes:
        """NotFoundError: no such object."""
        ...

    def open(self, key: str) -> pa.NativeFile:
        """For reading at any position. NotFoundError: no such object."""
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys that start with the prefix, sorted."""
        ...

    def delete(self, key: str) -> None:
        """No error where there is no such object."""
        ...

    def url(self, key: str) -> str:
        """Where other programs find it: Delta Lake, query engines, people."""
        ...

    @property
    def options(self) -> Mapping[str, str]:
        """What Delta Lake needs besides the URL: endpoint, region, credentials."""
        ...


def open_objects(url: str) -> Objects:
    """A store's objects: `file://` or a path. ConfigError: no such kind of store."""
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", url)
    if scheme is None:
        return LocalFolder(root=url)
    if scheme[1].lower() == "s3":
        raise ConfigError(f"store {url}: S3 is not supported yet; give a folder")
    if scheme[1].lower() != "file":
        raise ConfigError(f"store {url}: unknown kind {scheme[1]}://; give a folder or file://")
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost"):
        raise ConfigError(f"store {url}: a file:// URL of another host; write file:///path")
    return LocalFolder(root=unquote(parts.path))


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
        path = self._path(key)
        with _translated(path), _written(path, data) as unfinished:
            os.replace(unfinished, path)

    def put_if_absent(self, key: str, data: bytes) -> None:
        path = self._path(key)
        with _translated(path), _written(path, data) as unfinished:
            try:
                os.link(unfinished, path)
            except FileExistsError as failure:
                raise RecordExistsError(f"{path}: is already there") from failure

    def get(self, key: str) -> bytes:
        path = self._path(key)
        with _translated(path):
            return path.read_bytes()

    def open(self, key: str) -> pa.NativeFile:
        path = self._path(key)
        with _translated(path):
            return pa.OSFile(str(path))

    def keys(self, prefix: str) -> Iterator[str]:
        folder = prefix.rpartition("/")[0]
        path = self._path(folder) if folder else Path(self._root)
        below = f"{folder}/" if folder else ""
        return (key for key in _files(path, below) if key.startswith(prefix))

    def delete(self, key: str) -> None:
        path = self._path(key)
        with suppress(NotFoundError), _translated(path):
            path.unlink()

    def url(self, key: str) -> str:
        return str(self._path(key))

    @property
    def options(self) -> Mapping[str, str]:
        return {}

    def _path(self, key: str) -> Path:
        if any(not name or name.startswith(".") or "\0" in name for name in key.split("/")):
            raise StoreError(f"{key!r} is not a key: every name in it needs a character and none starts with a dot")
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
def _written(path: Path, data: bytes) -> Iterator[Path]:
    """A synced file beside the path that holds the data; it is gone afterwards, and what was made of it is synced."""
    _make_folder(path.parent)
    unfinished = path.with_name(f".{uuid4().hex}.tmp")
    try:
        with unfinished.open("xb") as file:
            file.write(data)
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
