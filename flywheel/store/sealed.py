"""Sealed JSON: a digest inside, so that an edited or truncated object is noticed when it is read."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from flywheel.core.errors import NewerSchemaError, RecordExistsError, StoreError
from flywheel.store.objects import Objects
from flywheel.store.writer import Writer, this_process

SCHEMA_VERSION = 2
"""Of sealed objects. A higher one is refused, never guessed at; version 1 has no `written_by`."""


def seal(content: Mapping[str, Any], *, name: str, version: int = SCHEMA_VERSION) -> bytes:
    """The object's bytes, signed by this process. StoreError: `content` is not plain JSON; `name` says which object."""
    try:
        # Back and forth first: the digest is of what will be read, where every key is a string.
        plain = json.loads(json.dumps(content, allow_nan=False))
    except (TypeError, ValueError) as failure:
        raise StoreError(f"{name}: not plain JSON: {failure}") from failure
    covered = {"content": plain, "written_by": this_process().plain()}
    whole = {"schema_version": version, "digest": _digest(covered), **covered}
    return (json.dumps(whole, indent=1, ensure_ascii=False) + "\n").encode()


def unseal(data: bytes, *, name: str) -> dict[str, Any]:
    """What was sealed. StoreError: damaged, edited, or written by a newer flywheel; `name` says which object."""
    content: dict[str, Any] = opened(data, name=name)["content"]
    return content


def writer_of(data: bytes, *, name: str) -> Writer | None:
    """Who sealed it; None where that was not yet noted. StoreError: as `unseal`."""
    whole = opened(data, name=name)
    return Writer.of(whole["written_by"]) if "written_by" in whole else None


def opened(data: bytes, *, name: str, known: int = SCHEMA_VERSION) -> dict[str, Any]:
    """The envelope, checked. `known`: the highest schema version that is. StoreError: as `unseal`."""
    try:
        whole: dict[str, Any] = json.loads(data)
        version, digest, content = whole["schema_version"], whole["digest"], whole["content"]
        covered = content if version == 1 else {"content": content, "written_by": whole.get("written_by")}
    except (ValueError, KeyError, TypeError, AttributeError) as failure:
        raise StoreError(
            f"{name}: damaged: not what flywheel writes ({type(failure).__name__}: {failure})"
        ) from failure
    if not isinstance(version, int) or version > known:
        raise NewerSchemaError(
            f"{name}: has schema version {version}, this flywheel knows up to {known}: use a newer flywheel"
        )
    if not isinstance(content, dict) or digest != _digest(covered):
        raise StoreError(f"{name}: damaged or edited: its digest does not match its content")
    return whole


def put_sealed(objects: Objects, key: str, content: Mapping[str, Any]) -> None:
    """Seals and writes, if absent. RecordExistsError: the key is taken, and by whom."""
    try:
        objects.put_if_absent(key, seal(content, name=key))
    except RecordExistsError as failure:
        raise taken(objects, key) from failure


def taken(objects: Objects, key: str) -> RecordExistsError:
    """The error of who came second."""
    writer = writer_of(objects.get(key), name=key)
    return RecordExistsError(
        f"{objects.url(key)}: is already there, written by {writer or 'an older flywheel'}. "
        "Are two runs at work on one store? This one stops; the other goes on"
    )


def plain(content: Mapping[str, Any]) -> dict[str, Any]:
    """As it will be read: tuples become lists, keys become strings."""
    copy: dict[str, Any] = json.loads(json.dumps(content))
    return copy


def _digest(content: Any) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(canonical.encode()).hexdigest()
