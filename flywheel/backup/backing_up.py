"""Backing up: a consistent point of a store, of which only what is new is copied."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from flywheel.backup.cut import Cut, cut, excuses
from flywheel.backup.parallel import each
from flywheel.backup.point import Copy, Point
from flywheel.backup.vault import Vault
from flywheel.core.code_version import CODE_VERSION
from flywheel.core.errors import ConfigError, ConflictError, NotFoundError, StoreError, StoreUnavailableError
from flywheel.store import identity, layout
from flywheel.store.blocks import Hashed, blocks
from flywheel.store.sealed import unseal
from flywheel.store.whole import Store
from flywheel.upkeep.finding import Progress

FRESH = timedelta(days=2)
"""What lies in the vault without a point that names it is built upon if it is younger: a backup that was killed left
it. Pruning leaves alone what is younger than twice that."""
ATTEMPTS = 3
"""Each one that fails means that the point that it built upon was pruned meanwhile."""


@dataclass(frozen=True, kw_only=True)
class BackedUp:
    """A point, and what making it took."""

    point: Point
    num_copied: int
    """Objects that the vault lacked."""
    bytes_copied: int
    num_read: int
    """Objects that were read in the store; the others are those of the point before."""


def back_up(
    store: Store, vault: Vault, *, now: datetime, progress: Progress = lambda what, done, total: None
) -> BackedUp:
    """Makes a point of the store as it is now; others may go on writing.

    ConfigError: the vault lies in the store, or holds points of another. StoreError: something is damaged; there is no
    new point.
    """
    whole = store.objects.url(layout.IDENTITY).removesuffix(layout.IDENTITY)
    if f"{vault.url}/".startswith(whole):
        raise ConfigError(f"{vault.url}: lies in the store and would be lost with it: give another vault")
    for _ in range(ATTEMPTS):
        base = vault.newest()
        made = _attempt(store, vault, base, now=now, progress=progress)
        names = vault.names()
        if base is not None and base.name in names:
            return made
        if base is None and all(vault.point(name).store_id == made.point.store_id for name in names):
            return made
        vault.remove(made.point.name)
        if base is None:
            raise ConfigError("another store was backed up to the same empty vault at once: give each its own")
    raise ConflictError("points were pruned while this one was made; try again when nobody prunes")


def verify_point(vault: Vault, point: Point, progress: Progress = lambda what, done, total: None) -> list[str]:
    """Reads everything that the point names; what is wrong, in words."""

    def problem(digest: str) -> str | None:
        try:
            vault.check(digest)
        except StoreUnavailableError:
            raise
        except StoreError as failure:
            return str(failure)
        return None

    found: list[str] = []
    for done, (_, wrong) in enumerate(each(problem, sorted(point.digests)), start=1):
        found += [] if wrong is None else [wrong]
        progress("checking the backup", done, len(point.digests))
    return sorted(found)


def _attempt(store: Store, vault: Vault, base: Point | None, *, now: datetime, progress: Progress) -> BackedUp:
    whose = identity.read(store.objects, older=True)
    if base is not None and base.store_id != whose.store_id:
        raise ConfigError(f"the vault holds points of another store ({base.store_id}): give another vault")
    taken = cut(store)
    held = {} if base is None else base.objects
    same = {key: held[key] for key in taken.promised if key in held and _unchanged(held[key], taken, key)}
    new = [key for key in taken.promised if key not in same]
    known = {copy.digest for copy in held.values()}
    known |= {digest for digest, at in vault.content().items() if at > now - FRESH}
    copying = partial(_copied, store, vault, taken, known)
    copied, missing = dict(same), list[str]()
    for done, (key, copy) in enumerate(each(copying, new), start=1):
        progress("copying", done, len(new))
        if copy is None:
            missing.append(key)
        else:
            copied[key] = copy
    copied |= {key: copy for key in excuses(store, missing, needed=taken.needed) if (copy := copying(key)) is not None}
    point = Point(
        name=_name(now, base),
        store_id=whose.store_id,
        store_version=whose.version,
        taken_by=CODE_VERSION,
        num_entries=taken.num_entries,
        objects=copied,
    )
    vault.write(point)
    fresh = {digest: size for digest, size in point.digests.items() if digest not in known}
    return BackedUp(point=point, num_copied=len(fresh), bytes_copied=sum(fresh.values()), num_read=len(new))


def _copied(store: Store, vault: Vault, taken: Cut, known: Collection[str], key: str) -> Copy | None:
    """None: it is gone. StoreError: it is damaged."""
    promised = taken.promised.get(key)
    content = Hashed(
        blocks(store.objects, key),
        promised=promised,
        wrong=f"{key}: damaged: its sha256 is not what was promised: see `flywheel data verify`",
    )
    try:
        if promised is None or promised in known:
            _keep(store, vault, known, key, content)
        else:
            vault.put(promised, content)
    except NotFoundError:
        return None
    entry = taken.listed.get(key)
    return Copy(
        digest=content.digest,
        num_bytes=content.num_bytes,
        modified_at=None if entry is None else entry.modified_at.isoformat(),
    )


def _keep(store: Store, vault: Vault, known: Collection[str], key: str, content: Hashed) -> None:
    """What only reading it tells the digest of: one that has several blocks is read again, to be copied."""
    last = content.last()
    whole = content.num_bytes == len(last)
    if key.startswith(layout.RECORDS) or key.endswith(f"/{layout.MANIFEST}"):
        unseal(last if whole else store.objects.get(key), name=key)
    if content.digest not in known:
        vault.put(content.digest, [last] if whole else blocks(store.objects, key))


def _unchanged(copy: Copy, taken: Cut, key: str) -> bool:
    entry = taken.listed.get(key)
    return entry is not None and (copy.num_bytes, copy.modified_at) == (entry.num_bytes, entry.modified_at.isoformat())


def _name(now: datetime, base: Point | None) -> str:
    """Later than the one before, whatever the clocks say."""
    while base is not None and _spelled(now) <= base.name:
        now = max(now, _moment(base.name)) + timedelta(milliseconds=1)
    return _spelled(now)


def _spelled(at: datetime) -> str:
    return f"{at:%Y%m%dT%H%M%S}.{at.microsecond // 1000:03d}Z"


def _moment(name: str) -> datetime:
    return datetime.strptime(f"{name.removesuffix('Z')}+0000", "%Y%m%dT%H%M%S.%f%z")
