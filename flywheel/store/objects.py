"""Objects: named bytes, wherever they lie; all that a store needs from object storage."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol
from urllib.parse import unquote, urlsplit

import pyarrow as pa

from flywheel.core.errors import ConfigError
from flywheel.store.folder import LocalFolder
from flywheel.store.keys import ObjectEntry
from flywheel.store.retries import Patience
from flywheel.store.s3 import S3Bucket


class Objects(Protocol):
    """Bytes under slash-separated keys. A key is seen complete or not at all. Every failure is a StoreError."""

    def put(self, key: str, data: bytes) -> None:
        """Writes or replaces."""
        ...

    def put_blocks(self, key: str, content: Iterable[bytes]) -> None:
        """Writes or replaces what does not fit into memory: `blocks.BLOCK_BYTES` each, but for the last.

        Where the content raises, nothing is written.
        """
        ...

    def put_if_absent(self, key: str, data: bytes) -> None:
        """RecordExistsError: the key is taken. Of many that try at once, one wins."""
        ...

    def get(self, key: str) -> bytes:
        """NotFoundError: no such object."""
        ...

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """`length` bytes from `start`, or as many as there are. NotFoundError: no such object."""
        ...

    def open(self, key: str) -> pa.NativeFile:
        """For reading at any position. NotFoundError: no such object."""
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys that start with the prefix, sorted."""
        ...

    def entries(self, prefix: str) -> Iterator[ObjectEntry]:
        """The objects whose keys start with the prefix, sorted by key."""
        ...

    def delete(self, key: str) -> None:
        """No error where there is no such object."""
        ...

    def url(self, key: str) -> str:
        """Where other programs find it: Delta Lake, query engines, people."""
        ...

    def presign(self, key: str, *, expires_s: float) -> str:
        """A URL that reads the object without credentials until it expires. One of a folder is `file://`."""
        ...

    @property
    def options(self) -> Mapping[str, str]:
        """What Delta Lake needs besides the URL: endpoint, region, credentials."""
        ...


def open_objects(url: str, *, patience: Patience | None = None, environ: Mapping[str, str] = os.environ) -> Objects:
    """A store's objects: a path, `file://`, or `s3://bucket/prefix` with settings from the environment.

    Those of another `environ` than this process's do not travel to other processes.

    ConfigError: no such kind of store, or S3 that cannot be reached with these settings.
    """
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", url)
    if scheme is None:
        return LocalFolder(root=url)
    if scheme[1].lower() == "s3":
        return S3Bucket.from_environment(url, patience or Patience(), environ)
    if scheme[1].lower() != "file":
        raise ConfigError(f"store {url}: unknown kind {scheme[1]}://; give a folder, file:// or s3://")
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost"):
        raise ConfigError(f"store {url}: a file:// URL of another host; write file:///path")
    return LocalFolder(root=unquote(parts.path))
