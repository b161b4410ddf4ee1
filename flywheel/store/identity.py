"""A store's identity: which configuration it belongs to."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

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
    differences = list(_differences(found["config"], plain(config), free_keys))
    if differences:
        raise ForeignStoreError(
            "\n".join(
                [
                    f"{name}: the store belongs to another configuration. Take another store, or set these back:",
                    *differences,
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


def _differences(theirs: Mapping[str, Any], ours: Mapping[str, Any], free_keys: Collection[str]) -> Iterator[str]:
    before, now = dict(_flat("", theirs)), dict(_flat("", ours))
    for key in sorted(before.keys() | now.keys()):
        free = any(key == some or key.startswith(f"{some}.") for some in free_keys)
        if not free and (key not in before or key not in now or before[key] != now[key]):
            yield f"  {key}: the store has {_shown(before, key)}, the configuration says {_shown(now, key)}"


def _flat(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Dotted key -> value, down to values that hold no mapping."""
    if isinstance(value, dict) and value:
        named = value.items()
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        named = {str(index): item for index, item in enumerate(value)}.items()
    else:
        yield key, value
        return
    for name, item in named:
        yield from _flat(f"{key}.{name}" if key else name, item)


def _shown(values: Mapping[str, Any], key: str) -> str:
    return repr(values[key]) if key in values else "nothing"
