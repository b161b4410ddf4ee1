"""Verify: everything that a record, a manifest or a table names is there and is what was written."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from flywheel.core.errors import CheckpointError
from flywheel.store import layout
from flywheel.store.whole import Store
from flywheel.upkeep.bundles import check_bundles, folders
from flywheel.upkeep.files import TableFiles, check_sizes, parts, table_files
from flywheel.upkeep.finding import Finding, Kind, Progress
from flywheel.upkeep.ledger import Ledger, read_ledger
from flywheel.upkeep.logs import check_logs
from flywheel.upkeep.rows import Rows, check_joins, read_rows
from flywheel.upkeep.transactions import check_transactions
from flywheel.upkeep.videos import check_videos, videos


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """What was looked at and what was found."""

    findings: tuple[Finding, ...]
    """Worst first."""
    counts: Mapping[str, int]
    """What -> how many were looked at."""
    ledger: Ledger
    tables: Mapping[str, TableFiles]
    rows: Rows
    """Empty after a quick look."""

    @property
    def damaged(self) -> bool:
        """Whether something is damaged, or cannot be judged."""
        return any(finding.kind in (Kind.DAMAGE, Kind.NEWER) for finding in self.findings)

    def of(self, kind: Kind) -> list[Finding]:
        return [finding for finding in self.findings if finding.kind is kind]


def verify(store: Store, *, quick: bool = False, progress: Progress = lambda what, done, total: None) -> Inspection:
    """Looks at everything and changes nothing. `quick` reads records and manifests, but no weights, rows and logs."""
    ledger = read_ledger(store)
    findings = list(ledger.findings)
    tables: dict[str, TableFiles] = {}
    stored = {name: parts(store, name) for name in store.tables}
    versions = _named_versions(store, ledger)
    for name, table in store.tables.items():
        tables[name], problems = table_files(table, name, versions[name])
        findings += [*problems, *check_sizes(tables[name], stored[name])]
    findings += check_transactions(store, ledger)
    findings += check_bundles(store, ledger, quick=quick, progress=progress)
    rows = Rows()
    if not quick:
        known = frozenset(finding.key for finding in findings if finding.kind is not Kind.LEFTOVER)
        rows = read_rows(store, tables, known, progress)
        findings += check_videos(store, tables[layout.EPISODES], rows)
        findings += [*rows.findings, *check_joins(tables, rows, ledger.pairs), *check_logs(store, progress)]
    needed = frozenset(key for found in tables.values() for key in found.newest_keys)
    return Inspection(
        findings=tuple(sorted(set(_excused(findings, ledger.lost, needed)), key=_worst_first)),
        counts=_counts(store, ledger, tables, rows),
        ledger=ledger,
        tables=tables,
        rows=rows,
    )


def _named_versions(store: Store, ledger: Ledger) -> dict[str, set[int]]:
    """By records, and by manifests of policy versions."""
    named = ledger.versions
    for folder in folders(store, layout.POLICIES):
        policy_id = folder.removeprefix(layout.POLICIES).removesuffix("/")
        try:
            version = store.policies.version(policy_id)
        except CheckpointError:
            continue  # Found when the manifest is checked.
        for table, number in (version.trained_on if version else {}).items():
            named.setdefault(table, set()).add(number)
    return named


def _excused(findings: Iterable[Finding], lost: Mapping[str, str], needed: frozenset[str]) -> Iterable[Finding]:
    """What a record says is gone on purpose is no damage, unless the newest version of a table needs it."""
    for finding in findings:
        if finding.kind is Kind.DAMAGE and finding.key in lost and finding.key not in needed:
            yield replace(finding, kind=Kind.LOST, problem=lost[finding.key])
        else:
            yield finding


def _worst_first(finding: Finding) -> tuple[int, str, str, str]:
    return list(Kind).index(finding.kind), finding.area, finding.key, finding.problem


def _counts(store: Store, ledger: Ledger, tables: Mapping[str, TableFiles], rows: Rows) -> dict[str, int]:
    return {
        "records": len(ledger.records),
        "policy versions": len(folders(store, layout.POLICIES)),
        "versions of tables": sum(len(found.versions) for found in tables.values()),
        "files of tables": sum(len(found.files) for found in tables.values()),
        "bytes of tables": sum(file.num_bytes for found in tables.values() for file in found.files.values()),
        "episodes": len({episode_id for known in rows.episodes.values() for episode_id in known}),
        "videos": len(videos(store)),
        "labels": sum(len(known) for known in rows.labels.values()),
    }
