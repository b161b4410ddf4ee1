"""A proof, before anything is written, that a store never lets a second writer replace what a first one wrote."""

from uuid import uuid4

from flywheel.core.errors import ConfigError, RecordExistsError
from flywheel.store import layout
from flywheel.store.objects import Objects


def prove_put_if_absent(objects: Objects) -> None:
    """ConfigError: the store lets it happen. StoreError: it cannot be written to at all, with the reason."""
    key = layout.probe(uuid4().hex)
    objects.put_if_absent(key, b"first")
    try:
        _refuse_second(objects, key)
    finally:
        objects.delete(key)


def _refuse_second(objects: Objects, key: str) -> None:
    try:
        objects.put_if_absent(key, b"second")
    except RecordExistsError:
        return
    raise ConfigError(
        f"{objects.url(key)}: the store does not enforce put-if-absent: it replaced an object in spite of "
        "`If-None-Match: *`. Records could be lost there. Use a store with conditional writes"
    )
