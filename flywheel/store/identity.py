"""A store's identity: which configuration it belongs to."""

from collections.abc import Collection, Iterator, Mapping
from hashlib import sha256
from typing import Any

from flywheel.core.differences import differences
from flywheel.core.errors import ForeignStoreError, NotFoundError, RecordExistsError
from flywheel.store import layout
from flywheel.store.objects import Objects
from flywheel.store.sealed import plain, seal, unseal


def claim(objects: Objects, config: Mapping[str, Any], *, created_by: str, free_keys: Collection[str]) -> None:
    """Makes a new store this configuration's, or checks that it already is.

    `created_by` is the version of flywheel. `free_keys` may differ: dotted keys of settings or of whole sections.
    ForeignStoreError lists every other setting that differs, with both values. StoreError: the identity is damaged or
    written by a newer flywheel.
    """
    content = {"created_by": created_by, "config": config}
    try:
        objects.put_if_absent(layout.IDENTITY, seal(content, name=layout.IDENTITY))
        return
    except RecordExistsError:
        name = objects.url(layout.IDENTITY)
    found = unseal(objects.get(layout.IDENTITY), name=name)
    differing = list(_differing(found["config"], plain(config), free_keys))
    if differing:
        raise ForeignStoreError(
            "\n".join(
                [
                    f"{name}: the store belongs to another configuration. Take another store, or set these back:",
                    *differing,
                ]
            )
        )


def configuration(objects: Objects) -> dict[str, Any] | None:
    """The configuration that the store belongs to; None where nothing was claimed. StoreError: damaged or newer."""
    try:
        data = objects.get(layout.IDENTITY)
    except NotFoundError:
        return None
    config: dict[str, Any] = unseal(data, name=objects.url(layout.IDENTITY))["config"]
    return config


def digest(objects: Objects) -> str:
    """Of the whole identity, which names the process that claimed the store. NotFoundError: nothing was claimed."""
    return sha256(objects.get(layout.IDENTITY)).hexdigest()


def _differing(theirs: Mapping[str, Any], ours: Mapping[str, Any], free_keys: Collection[str]) -> Iterator[str]:
    for one in differences(theirs, ours):
        if not any(one.key == some or one.key.startswith(f"{some}.") for some in free_keys):
            yield f"  {one.key}: the store has {one.before}, the configuration says {one.now}"
