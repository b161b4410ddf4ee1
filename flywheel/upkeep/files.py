"""Which files the versions of a table name, and whether each is whole."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from flywheel.core.errors import StoreError
from flywheel.store import layout
from flywheel.store.keys import ObjectEntry
from flywheel.store.tables import DataFile, Table
from flywheel.store.whole import Store
from flywheel.upkeep.finding import Area, Finding, damage, leftover

PART = ".parquet"
LOG = "_delta_log/"


@dataclass(frozen=True, kw_only=True)
class TableFiles:
    """What a table's newest version and its named versions hold."""

    table: str
    newest: int | None
    versions: Mapping[int, frozenset[str]]
    """Version -> keys of its files; the newest is among them."""
    files: Mapping[str, DataFile]
    """By their key."""

    @property
    def newest_keys(self) -> frozenset[str]:
        return frozenset() if self.newest is None else self.versions[self.newest]


def table_files(table: Table, name: str, versions: Iterable[int]) -> tuple[TableFiles, list[Finding]]:
    """Opens every version. What cannot be opened is a finding, not an error."""
    findings: list[Finding] = []
    held: dict[int, frozenset[str]] = {}
    files: dict[str, DataFile] = {}
    try:
        newest = table.newest()
    except StoreError as failure:
        return TableFiles(table=name, newest=None, versions={}, files={}), [
            damage(Area(name), f"{name}/{LOG}", failure)
        ]
    for version in sorted({*versions, *(() if newest is None else (newest,))}):
        try:
            found = table.files(version)
        except StoreError as failure:
            findings.append(damage(Area(name), f"{name}/{LOG}", f"a record names version {version}: {failure}"))
            continue
        held[version] = frozenset(file.key for file in found)
        files |= {file.key: file for file in found}
    return TableFiles(table=name, newest=newest, versions=held, files=files), findings


def parts(store: Store, table: str) -> dict[str, ObjectEntry]:
    """The objects of a table that hold rows, committed or not, by their key."""
    found = store.objects.entries(layout.part(table, ""))
    return {entry.key: entry for entry in found if entry.key.endswith(PART) and LOG not in entry.key}


def check_sizes(found: TableFiles, stored: Mapping[str, ObjectEntry]) -> Iterator[Finding]:
    """Without reading any file: each is there and has its size; what no version holds is left over."""
    area = Area(found.table)
    for key, file in sorted(found.files.items()):
        if key not in stored:
            yield damage(area, key, f"missing: {_holders(found, key)} of the table needs it")
        elif stored[key].num_bytes != file.num_bytes:
            yield damage(area, key, f"has {stored[key].num_bytes} bytes, the table says {file.num_bytes}")
    for key in sorted(stored.keys() - found.files.keys()):
        yield leftover(area, key, "no version that counts holds it: never committed, or replaced")


def _holders(found: TableFiles, key: str) -> str:
    versions = [version for version, keys in found.versions.items() if key in keys]
    return f"version {versions[0]}" if len(versions) == 1 else f"versions {versions[0]} to {versions[-1]}"
