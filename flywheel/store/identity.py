"""A store's identity: its schema version, its name, and which configuration it belongs to."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import uuid4

from flywheel.core.differences import differences
from flywheel.core.errors import ConfigError, ForeignStoreError, NotFoundError, OlderStoreError, RecordExistsError
from flywheel.store import layout
from flywheel.store.objects import Objects
from flywheel.store.sealed import opened, plain, seal

STORE_VERSION = 3
"""Schema version of the whole store, which its identity carries. A newer one is refused, an older one is migrated.

3: the identity has a name of its own. Before, the schema version was that of sealed objects, and there was no name.
"""
NAMED_SINCE = 3


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What a store is, and whose."""

    version: int
    """Its schema version."""
    store_id: str
    """The same for as long as the store lives, migrated or restored."""
    created_by: str
    """The version of flywheel."""
    config: dict[str, Any]


def claim(
    objects: Objects,
    config: Mapping[str, Any],
    *,
    created_by: str,
    free_keys: Collection[str],
    completed: Callable[[dict[str, Any]], Mapping[str, Any]] = dict,
) -> None:
    """Makes a new store this configuration's, or checks that it already is.

    `created_by` is the version of flywheel. `free_keys` may differ: dotted keys of settings or of whole sections.
    `completed` gives a store's configuration the settings that did not exist when it was made.
    ForeignStoreError lists every other setting that differs, with both values. OlderStoreError, StoreError: as `read`.
    """
    content = {"store_id": uuid4().hex, "created_by": created_by, "config": config}
    try:
        objects.put_if_absent(layout.IDENTITY, sealed_identity(content))
        return
    except RecordExistsError:
        name = objects.url(layout.IDENTITY)
    differing = list(_differing(completed(read(objects).config), plain(config), free_keys))
    if differing:
        raise ForeignStoreError(
            "\n".join(
                [
                    f"{name}: the store belongs to another configuration. Take another store, or set these back:",
                    *differing,
                ]
            )
        )


def read(objects: Objects, *, older: bool = False) -> Identity:
    """NotFoundError: nothing was claimed. StoreError: damaged. NewerSchemaError: written by a newer flywheel.

    OlderStoreError: of an older schema version, unless `older` ones will do. ConfigError: it is being restored.
    """
    name, data = objects.url(layout.IDENTITY), objects.get(layout.IDENTITY)
    whole = opened(data, name=name, known=STORE_VERSION)
    version, content = whole["schema_version"], whole["content"]
    if "restoring" in content:
        raise ConfigError(
            f"{name}: the store is being restored from point {content['restoring'].rpartition('@')[2]}: "
            "wait for `flywheel restore`, or repeat it"
        )
    if version < STORE_VERSION and not older:
        url = name.removesuffix(f"/{layout.IDENTITY}")
        raise OlderStoreError(
            f"{name}: the store has schema version {version}, this flywheel works with {STORE_VERSION}: "
            f"make a backup (`flywheel backup make {url} VAULT`), then `flywheel migrate {url}`"
        )
    return Identity(
        version=version,
        store_id=content["store_id"] if version >= NAMED_SINCE else sha256(data).hexdigest(),
        created_by=content["created_by"],
        config=content["config"],
    )


def raise_to(objects: Objects, migrated: Identity) -> None:
    """Replaces the identity by one of a higher schema version: the last act of a migration."""
    content = {"store_id": migrated.store_id, "created_by": migrated.created_by, "config": migrated.config}
    objects.put(layout.IDENTITY, sealed_identity(content, version=migrated.version))


def sealed_identity(content: Mapping[str, Any], *, version: int = STORE_VERSION) -> bytes:
    """As it lies in the store."""
    return seal(content, name=layout.IDENTITY, version=version)


def reserve(objects: Objects, point: str) -> None:
    """Keeps everybody from an empty place until the point is restored there. ConfigError: it is not empty."""
    marked = {"restoring": point}
    if not any(objects.keys("")):
        with suppress(RecordExistsError):
            objects.put_if_absent(layout.IDENTITY, sealed_identity(marked))
    name = objects.url(layout.IDENTITY)
    try:
        found = opened(objects.get(layout.IDENTITY), name=name, known=STORE_VERSION)["content"]
    except NotFoundError:
        found = {}
    if found != marked:
        raise ConfigError(f"{name.removesuffix(layout.IDENTITY)}: is not empty; restore to an empty folder or prefix")


def configuration(objects: Objects) -> dict[str, Any] | None:
    """The configuration that the store belongs to; None where nothing was claimed. Errors: as `read`."""
    try:
        return read(objects).config
    except NotFoundError:
        return None


def _differing(theirs: Mapping[str, Any], ours: Mapping[str, Any], free_keys: Collection[str]) -> Iterator[str]:
    for one in differences(theirs, ours):
        if not any(one.key == some or one.key.startswith(f"{some}.") for some in free_keys):
            yield f"  {one.key}: the store has {one.before}, the configuration says {one.now}"
