"""Cut: which objects of a store belong to one moment, while others go on writing there.

Whatever names something is written after what it names: files before the commit, commits and weights before the
stage's record, the record before the chronicle's entry. So the cut looks in this order: at everything that is there,
at the newest versions of the tables, at the chronicle. Then it adds what the chronicle's entries name and was not there
yet. All of it was there when the chronicle was read, so the point is a state that a crash at that moment could have
left: nothing is named that is missing, and nothing is there of which the chronicle knows less than a dying process
would have told it.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from flywheel.backup.parallel import each
from flywheel.core.control import Control
from flywheel.core.entry import entry_key
from flywheel.core.errors import NotFoundError, StoreError
from flywheel.core.exclusion import recall_key
from flywheel.core.iteration import Stage, record_key
from flywheel.core.spending import budget_key
from flywheel.store import bundles, layout
from flywheel.store.chronicle import RecordedChronicle
from flywheel.store.keys import ObjectEntry
from flywheel.store.sealed import unseal
from flywheel.store.tables import Table
from flywheel.store.whole import Store
from flywheel.upkeep.files import LOG
from flywheel.upkeep.ledger import FINAL, GARBAGE, ITERATIONS, REPAIRS, Ledger

READ = (ITERATIONS, FINAL, GARBAGE, REPAIRS)
"""Records that name other objects, or say which are gone."""
VERSION_DIGITS = 20


@dataclass(frozen=True, kw_only=True)
class Cut:
    """Keys of everything that belongs to the moment."""

    num_entries: int
    listed: Mapping[str, ObjectEntry]
    """As it was listed; what came between the listing and the moment is not in it."""
    promised: Mapping[str, str | None]
    """Key -> the sha256 that its name or its manifest promises, where one does."""
    needed: frozenset[str]
    """What cannot be left out, whoever took it: files of the tables' last versions."""


def cut(store: Store) -> Cut:
    """StoreError: a record, a manifest or a table is damaged, so that nobody can tell what belongs to it."""
    listed = {entry.key: entry for entry in store.objects.entries("")}
    newest = {name: table.newest() for name, table in store.tables.items()}
    control = RecordedChronicle(records=store.records).control()
    names = {key for key in listed if key.startswith(layout.RECORDS)} | set(_told(control))
    ledger = Ledger(records=_read(store, names), findings=(), control=control)
    promised: dict[str, str | None] = {layout.IDENTITY: None}
    promised |= dict.fromkeys((*names, *_recalls_and_budgets(ledger)))
    promised |= dict.fromkeys(key for key in listed if key.startswith(layout.LOGS))
    versions = ledger.versions
    for policy_id in sorted(_policies(listed, ledger)):
        promised |= _bundle(store, policy_id, versions)
    needed: set[str] = set()
    for name, table in store.tables.items():
        counting = versions.get(name, set()) | {version for version in [newest[name]] if version is not None}
        if counting:
            promised |= _log(name, max(counting), listed) | _files(table, counting)
            needed |= _files(table, {max(counting)}).keys()
    lost = ledger.lost.keys() - listed.keys() - needed
    return Cut(
        num_entries=len(control.entries),
        listed=listed,
        promised={key: digest for key, digest in promised.items() if key not in lost},
        needed=frozenset(needed),
    )


def excuses(store: Store, missing: Collection[str], *, needed: Collection[str]) -> list[str]:
    """Records that say that garbage collection or a repair took what is missing.

    StoreError: none says so, or it is needed.
    """
    prefixes = [f"{layout.RECORDS}{prefix}" for prefix in (GARBAGE, REPAIRS)]
    found = _read(store, [name for prefix in prefixes for name in store.objects.keys(prefix)] if missing else [])
    told: dict[str, str] = {}
    for key, record in found.items():
        told |= dict.fromkeys(Ledger(records={key: record}, findings=(), control=Control()).lost, key)
    for key in missing:
        if key in needed or key not in told:
            raise StoreError(
                f"{key}: missing, though it is named. Was it taken meanwhile? Try again, or see `flywheel data verify`"
            )
    return sorted({layout.record(told[key]) for key in missing})


def _told(control: Control) -> Iterator[str]:
    """Records that the chronicle knows of."""
    for number in range(len(control.entries)):
        yield layout.record(entry_key(number))
    for number, status in control.iterations.items():
        for stage in status.stages:
            yield layout.record(record_key(number, stage))


def _read(store: Store, names: Iterable[str]) -> dict[str, Mapping[str, object]]:
    """Those that name something. One that a repair took is another's finding."""

    def read(name: str) -> dict[str, object] | None:
        try:
            return unseal(store.objects.get(name), name=name)
        except NotFoundError:
            return None

    found = each(read, [name for name in names if name.removeprefix(layout.RECORDS).startswith(READ)])
    return {
        name.removeprefix(layout.RECORDS).removesuffix(".json"): record for name, record in found if record is not None
    }


def _recalls_and_budgets(ledger: Ledger) -> Iterator[str]:
    """Up to the last that a stage went by: one that came between the listing and the moment counts."""
    recall = budget = 0
    for _, stage, record in ledger.stages:
        if stage is Stage.TRAIN:
            recall = max(recall, *record.get("recalls", ()), 0)
        elif stage is Stage.PLAN:
            budget = max(budget, record["budget"]["number"])
    yield from (layout.record(recall_key(number)) for number in range(1, recall + 1))
    yield from (layout.record(budget_key(number)) for number in range(1, budget + 1))


def _policies(listed: Iterable[str], ledger: Ledger) -> set[str]:
    """Finished versions."""
    finished = (key for key in listed if key.startswith(layout.POLICIES) and key.endswith(f"/{layout.MANIFEST}"))
    trained = {record["policy_id"] for _, stage, record in ledger.stages if stage is Stage.TRAIN}
    return {key.split("/")[1] for key in finished} | trained


def _bundle(store: Store, policy_id: str, versions: dict[str, set[int]]) -> dict[str, str | None]:
    """Its manifest and files; what it was trained on is added to the versions."""
    folder = layout.policy(policy_id)
    manifest = bundles.facts(store.objects, folder)
    if manifest is None:
        return {f"{folder}{layout.MANIFEST}": None}
    for table, version in manifest["version"]["trained_on"].items():
        versions.setdefault(table, set()).add(version)
    files = {f"{folder}{file['object']}": file["sha256"] for file in manifest["files"].values()}
    return {f"{folder}{layout.MANIFEST}": None, **files}


def _log(name: str, last: int, listed: Iterable[str]) -> dict[str, str | None]:
    """Of a table, up to a version; Delta Lake's own pointer to the newest checkpoint may be of a later one."""
    log = layout.part(name, LOG)
    found: dict[str, str | None] = {f"{log}{number:0{VERSION_DIGITS}d}.json": None for number in range(last + 1)}
    for key in listed:
        number = key.removeprefix(log)[:VERSION_DIGITS]
        if key.startswith(log) and ".checkpoint." in key and number.isdigit() and int(number) <= last:
            found[key] = None
    return found


def _files(table: Table, versions: Iterable[int]) -> dict[str, str | None]:
    """What the versions hold, and the digest in its name."""
    return {
        file.key: file.path.removeprefix("part-").partition(".")[0]
        for version in sorted(versions)
        for file in table.files(version)
    }
