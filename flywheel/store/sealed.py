"""Sealed JSON: a digest inside, so that an edited or truncated object is noticed when it is read."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from flywheel.core.errors import NewerSchemaError, StoreError

SCHEMA_VERSION = 1
"""Of everything that a store holds. A higher one is refused, never guessed at."""


def seal(content: Mapping[str, Any], *, name: str) -> bytes:
    """The object's bytes. StoreError: `content` is not plain JSON; `name` says which object."""
    try:
        # Back and forth first: the digest is of what will be read, where every key is a string.
        plain = json.loads(json.dumps(content, allow_nan=False))
    except (TypeError, ValueError) as failure:
        raise StoreError(f"{name}: not plain JSON: {failure}") from failure
    whole = {"schema_version": SCHEMA_VERSION, "digest": _digest(plain), "content": plain}
    return (json.dumps(whole, indent=1, ensure_ascii=False) + "\n").encode()


def unseal(data: bytes, *, name: str) -> dict[str, Any]:
    """What was sealed. StoreError: damaged, edited, or written by a newer flywheel; `name` says which object."""
    try:
        whole = json.loads(data)
        version, digest, content = whole["schema_version"], whole["digest"], whole["content"]
    except (ValueError, KeyError, TypeError) as failure:
        raise StoreError(
            f"{name}: damaged: not what flywheel writes ({type(failure).__name__}: {failure})"
        ) from failure
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        raise NewerSchemaError(
            f"{name}: has schema version {version}, this flywheel knows up to {SCHEMA_VERSION}: use a newer flywheel"
        )
    if not isinstance(content, dict) or digest != _digest(content):
        raise StoreError(f"{name}: damaged or edited: its digest does not match its content")
    return content


def plain(content: Mapping[str, Any]) -> dict[str, Any]:
    """As it will be read: tuples become lists, keys become strings."""
    copy: dict[str, Any] = json.loads(json.dumps(content))
    return copy


def _digest(content: Any) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(canonical.encode()).hexdigest()
