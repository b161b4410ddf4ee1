"""Whether rows are episodes and labels, and whether labels and episodes belong together."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from flywheel.core.errors import StoreError
from flywheel.store import layout
from flywheel.store.tables import DataFile
from flywheel.store.whole import Store
from flywheel.upkeep.files import TableFiles
from flywheel.upkeep.finding import Area, Finding, Progress, damage

LabelledLengths = Sequence[tuple[str, str, int]]
"""Episode id, task and number of rewards of each label of a file."""


@dataclass(frozen=True, kw_only=True)
class Rows:
    """What was read of the files that are whole."""

    episodes: dict[str, dict[str, int]] = field(default_factory=dict)
    """File -> episode id -> number of decisions."""
    labels: dict[str, LabelledLengths] = field(default_factory=dict)
    """File -> its labels."""
    findings: list[Finding] = field(default_factory=list)


def read_rows(store: Store, tables: Mapping[str, TableFiles], skip: frozenset[str], progress: Progress) -> Rows:
    """Reads every file but those to skip, which are known to be damaged, and checks each row by itself."""
    rows = Rows()

    def episodes_of(file: DataFile) -> None:
        lengths = [(episode.episode_id, episode.num_decisions) for episode in store.episodes.of_file(file.key)]
        rows.episodes[file.key] = dict(lengths)
        if len(rows.episodes[file.key]) < len(lengths):
            rows.findings.append(damage(Area.EPISODES, file.key, "an episode is in it more than once"))

    def labels_of(file: DataFile) -> None:
        found = store.labels.of_file(file.key)
        rows.labels[file.key] = [(label.episode_id, label.task, len(label.rewards)) for label in found]

    readers: dict[str, Callable[[DataFile], None]] = {layout.EPISODES: episodes_of, layout.LABELS: labels_of}
    for table, read in readers.items():
        files = [file for key, file in sorted(tables[table].files.items()) if key not in skip]
        for done, file in enumerate(files, start=1):
            try:
                store.tables[table].check(file)
                read(file)
            except StoreError as failure:
                rows.findings.append(damage(Area(table), file.key, failure))
            progress(table, done, len(files))
    return rows


def check_joins(tables: Mapping[str, TableFiles], rows: Rows, pairs: set[tuple[int, int]]) -> Iterator[Finding]:
    """No episode is there twice, and each label has an episode that is at least as long.

    Versions with a file that could not be read are left out: nothing can be said about them.
    """
    episodes, labels = tables[layout.EPISODES], tables[layout.LABELS]
    whole = {version: keys for version, keys in episodes.versions.items() if keys <= rows.episodes.keys()}
    for version, keys in whole.items():
        yield from _check_unique(version, keys, rows)
    if episodes.newest is not None and labels.newest is not None:
        pairs = pairs | {(episodes.newest, labels.newest)}
    told: set[str] = set()
    for episodes_version, labels_version in sorted(pairs):
        if episodes_version in whole and labels_version in labels.versions:
            known = _lengths(whole[episodes_version], rows)
            for key in sorted(labels.versions[labels_version] & rows.labels.keys() - told):
                problem = _misfit(rows.labels[key], known)
                if problem:
                    told.add(key)
                    yield damage(Area.LABELS, key, f"{problem} in episodes version {episodes_version}")


def orphans(labelled: LabelledLengths, known: Mapping[str, int]) -> set[str]:
    """Episode ids of labels without an episode that is at least as long."""
    return {episode_id for episode_id, _, length in labelled if known.get(episode_id, -1) < length}


def _misfit(labelled: LabelledLengths, known: Mapping[str, int]) -> str | None:
    without = orphans(labelled, known)
    if not without:
        return None
    first = min(without)
    problem = "is not" if first not in known else f"has only {known[first]} decisions"
    return f"labels of {len(without)} episode(s) have nothing to judge, the first: {first} {problem}"


def _lengths(keys: frozenset[str], rows: Rows) -> dict[str, int]:
    return {episode_id: length for key in keys for episode_id, length in rows.episodes[key].items()}


def _check_unique(version: int, keys: frozenset[str], rows: Rows) -> Iterator[Finding]:
    if sum(len(rows.episodes[key]) for key in keys) == len(_lengths(keys, rows)):
        return
    seen: dict[str, str] = {}
    for key in sorted(keys):
        twice = sorted(rows.episodes[key].keys() & seen.keys())
        if twice:
            yield damage(
                Area.EPISODES, key, f"version {version} holds {len(twice)} episode(s) twice, the first: {twice[0]}"
            )
            return
        seen |= dict.fromkeys(rows.episodes[key], key)
