"""Vault: a folder or a bucket that keeps points of one store. What several points hold is there once.

objects/<first two of the digest>/<sha256>      content, under its digest
points/<name>.json                              a point's manifest, written last: without it there is no point
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from flywheel.backup.point import Point
from flywheel.core.errors import ConfigError, NotFoundError, StoreError, UnknownError
from flywheel.store import layout
from flywheel.store.blocks import Hashed, blocks
from flywheel.store.objects import Objects, open_objects
from flywheel.store.sealed import put_sealed, unseal

PREFIX = "FLYWHEEL_BACKUP_"
"""Where one of `FLYWHEEL_BACKUP_AWS_...` is set, the vault is reached with these alone, and not with `AWS_...`."""
CA_FILE = "FLYWHEEL_S3_CA_FILE"
OWN_CA_FILE = "FLYWHEEL_BACKUP_S3_CA_FILE"
"""Of the authority of the vault's S3, where that is another than the store's."""
CONTENT = "objects/"
POINTS = "points/"
MANIFEST = ".json"


class Vault:
    """Points and their content. Nothing in it ever changes; pruning takes away."""

    def __init__(self, *, objects: Objects) -> None:
        """ConfigError: a store is there."""
        self._objects = objects
        if any(objects.keys(layout.IDENTITY)):
            raise ConfigError(f"{objects.url(layout.IDENTITY)}: a store is there; a backup needs a place of its own")

    @property
    def url(self) -> str:
        return self._objects.url(POINTS.rstrip("/")).removesuffix(f"/{POINTS.rstrip('/')}")

    def names(self) -> list[str]:
        """Of the points, the oldest first."""
        keys = self._objects.keys(POINTS)
        return [key.removeprefix(POINTS).removesuffix(MANIFEST) for key in keys if key.endswith(MANIFEST)]

    def point(self, name: str | None = None) -> Point:
        """The newest, where none is named. UnknownError: there is none. StoreError: its manifest is damaged."""
        names = self.names()
        if not names:
            raise UnknownError(f"{self.url}: there is no backup")
        wanted = names[-1] if name is None else name
        try:
            data = self._objects.get(_manifest(wanted))
        except NotFoundError as failure:
            raise UnknownError(f"there is no point {wanted}; there are {', '.join(names)}") from failure
        return Point.of(wanted, unseal(data, name=_manifest(wanted)))

    def newest(self) -> Point | None:
        return self.point() if self.names() else None

    def write(self, point: Point) -> None:
        """Makes the point exist. RecordExistsError: another has its name."""
        put_sealed(self._objects, _manifest(point.name), point.plain)

    def remove(self, name: str) -> None:
        """The point; its content stays."""
        self._objects.delete(_manifest(name))

    def content(self) -> dict[str, datetime]:
        """Digest of everything that is there -> when it was written."""
        found = self._objects.entries(CONTENT)
        return {entry.key.rpartition("/")[2]: entry.modified_at for entry in found}

    def put(self, digest: str, content: Iterable[bytes]) -> None:
        """In blocks. StoreError: what is read back is something else."""
        self._objects.put_blocks(_content(digest), content)
        self.check(digest)

    def blocks(self, digest: str) -> Iterator[bytes]:
        """StoreError, at their end at the latest: missing or damaged."""
        key = _content(digest)
        try:
            yield from Hashed(
                blocks(self._objects, key), promised=digest, wrong=f"{key}: damaged: its sha256 is not its name"
            )
        except NotFoundError as failure:
            raise StoreError(f"{key}: missing: a point of the backup needs it") from failure

    def get(self, digest: str) -> bytes:
        """Whole. StoreError: as `blocks`."""
        return b"".join(self.blocks(digest))

    def check(self, digest: str) -> None:
        """StoreError: as `blocks`."""
        for _ in self.blocks(digest):
            pass

    def delete(self, digest: str) -> None:
        self._objects.delete(_content(digest))


def open_vault(url: str, environ: Mapping[str, str] = os.environ) -> Vault:
    """ConfigError: it cannot be reached with these settings, or a store is there."""
    own = {name.removeprefix(PREFIX): value for name, value in environ.items() if name.startswith(f"{PREFIX}AWS_")}
    others = {name: value for name, value in environ.items() if not (own and name.startswith("AWS_"))}
    if OWN_CA_FILE in environ:
        own[CA_FILE] = environ[OWN_CA_FILE]
    return Vault(objects=open_objects(url, environ={**others, **own}))


def _manifest(name: str) -> str:
    return f"{POINTS}{name}{MANIFEST}"


def _content(digest: str) -> str:
    return f"{CONTENT}{digest[:2]}/{digest}"
