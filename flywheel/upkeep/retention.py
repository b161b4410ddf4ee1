"""Retention: a new version of the tables without the rows that the settings no longer ask for."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

import pyarrow as pa
import pyarrow.compute as pc

from flywheel.config.retention import RetentionRule
from flywheel.core.episode import EpisodeSummary
from flywheel.ports import Part
from flywheel.store import layout
from flywheel.store.tables import DataFile, Table
from flywheel.store.whole import Store
from flywheel.upkeep.finding import Progress
from flywheel.upkeep.ledger import ITERATIONS

ORDER = (layout.LABELS, layout.EPISODES)
"""Labels go first: a label without its episode would be damage, an episode without labels is not."""


@dataclass(frozen=True, kw_only=True)
class RetentionPlan:
    """Episodes that are left out of the next versions."""

    newest_iteration: int
    episode_ids: frozenset[str]
    counts: Mapping[tuple[str, str, str, int], int]
    """Task, source, outcome and iteration -> episodes that go."""
    num_kept: int


@dataclass(frozen=True, kw_only=True)
class Shortened:
    """What became of a table."""

    table: str
    num_rows: int
    """Rows that the new version leaves out."""
    version: int


def plan_retention(store: Store, rules: Sequence[RetentionRule]) -> RetentionPlan:
    """What the rules say about the newest version."""
    episodes = store.episodes.summaries()
    newest = _newest_iteration(store, episodes)
    gone = [episode for episode in episodes if expired(episode, rules, newest)]
    return RetentionPlan(
        newest_iteration=newest,
        episode_ids=frozenset(episode.episode_id for episode in gone),
        counts=Counter((some.task, str(some.source), str(some.outcome), some.iteration) for some in gone),
        num_kept=len(episodes) - len(gone),
    )


def expired(episode: EpisodeSummary, rules: Sequence[RetentionRule], newest_iteration: int) -> bool:
    """Whether the first rule that fits lets the episode go."""
    for rule in rules:
        if (
            (not rule.outcomes or episode.outcome in rule.outcomes)
            and (not rule.tasks or episode.task in rule.tasks)
            and (not rule.sources or episode.source in rule.sources)
        ):
            age = newest_iteration - episode.iteration
            return rule.max_age_iterations is not None and age > rule.max_age_iterations
    return False


def retain(store: Store, plan: RetentionPlan, progress: Progress = lambda what, done, total: None) -> list[Shortened]:
    """Makes the new versions. Files stay where they are: older versions read as before."""
    return [] if not plan.episode_ids else leave_out(store, plan.episode_ids, reason="retention", progress=progress)


def leave_out(
    store: Store, episode_ids: frozenset[str], *, reason: str, progress: Progress = lambda what, done, total: None
) -> list[Shortened]:
    """New versions of both tables without the episodes and their labels."""
    done: list[Shortened] = []
    for name in ORDER:
        shortened = without_rows(store.tables[name], name, episode_ids, reason=reason, progress=progress)
        done += [shortened] if shortened else []
    return done


def without_rows(
    table: Table, name: str, episode_ids: frozenset[str], *, reason: str, progress: Progress
) -> Shortened | None:
    """A new version of one table; None where it holds no such row."""
    wanted = sorted(episode_ids)
    files = [file for file in table.files(None) if file.may_hold("episode_id", wanted)]
    paths: list[str] = []
    parts: list[Part] = []
    num_rows = 0
    for done, file in enumerate(files, start=1):
        rows, kept = _kept(table, file, pa.array(wanted))
        if kept.num_rows < rows.num_rows:
            paths.append(file.path)
            parts += [table.write(kept)] if kept.num_rows else []
            num_rows += rows.num_rows - kept.num_rows
        progress(name, done, len(files))
    if not paths:
        return None
    digest = sha256(" ".join([*paths, *wanted]).encode()).hexdigest()[:16]
    version = table.replace(paths, parts, transaction=f"{reason}-{digest}", changes_data=True)
    return Shortened(table=name, num_rows=num_rows, version=version)


def _kept(table: Table, file: DataFile, gone: pa.Array) -> tuple[pa.Table, pa.Table]:
    table.check(file)  # Else damaged rows would be written anew under a digest that fits them.
    rows = table.rows(file.key, columns=table.columns)
    return rows, rows.filter(pc.invert(pc.is_in(rows["episode_id"], value_set=gone)))


def _newest_iteration(store: Store, episodes: Sequence[EpisodeSummary]) -> int:
    """The last that has a record: episodes of one that only began do not make the others older."""
    numbers = [int(key.removeprefix(ITERATIONS).split("/")[0]) for key in store.records.keys(ITERATIONS)]
    return max(numbers, default=max((episode.iteration for episode in episodes), default=0))
