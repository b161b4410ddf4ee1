"""Whether what was logged about iterations is what was written, and which of it is too old to be kept."""

from collections.abc import Iterator

from flywheel.core.errors import NotFoundError, StoreError
from flywheel.store import layout
from flywheel.store.keys import ObjectEntry
from flywheel.store.logs import lines_in
from flywheel.store.whole import Store
from flywheel.upkeep.finding import Area, Finding, Progress, damage


def check_logs(store: Store, progress: Progress) -> Iterator[Finding]:
    """Reads all of it: names hold digests."""
    keys = list(store.objects.keys(layout.LOGS))
    for done, key in enumerate(keys, start=1):
        try:
            lines_in(store.objects.get(key), key=key)
        except NotFoundError:  # Garbage since it was listed.
            continue
        except StoreError as failure:
            yield damage(Area.LOGS, key, failure)
        progress(str(Area.LOGS), done, len(keys))


def old_logs(store: Store, *, newest_iteration: int, max_age_iterations: int | None) -> Iterator[ObjectEntry]:
    """Of iterations more than so many before the newest; None: none is too old."""
    if max_age_iterations is None:
        return
    for entry in store.objects.entries(layout.LOGS):
        number = entry.key.removeprefix(layout.LOGS).partition("/")[0]
        if number.isdecimal() and newest_iteration - int(number) > max_age_iterations:
            yield entry
