"""Import: episodes of files become rows of the table, all or none, once."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from flywheel.core.episode import Episode, Source
from flywheel.core.errors import ConfigError, EpisodeError, RecordExistsError
from flywheel.core.iteration import Stage, record_key
from flywheel.exchange.admission import Admission
from flywheel.exchange.found import Found
from flywheel.ports import EpisodeTable, Part, Records

EPISODES_PER_PART = 64
SHOWN_PROBLEMS = 10
RECORD_PREFIX = "uploads/"

Read = Callable[[], Iterator[Found]]


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What an import did."""

    transaction: str
    episodes_version: int | None
    """None where there was nothing to add."""
    outcomes: Mapping[str, Mapping[str, int]]
    """Task -> outcome -> episodes that were added."""
    repeated: int
    """Episodes whose content was there already, in the table or before in the files."""
    crashed: int
    """Episodes of the files that ended by an error; they teach nothing and are left out."""

    @property
    def added(self) -> dict[str, int]:
        """Task -> episodes."""
        return {task: sum(counts.values()) for task, counts in self.outcomes.items()}


@dataclass(kw_only=True)
class _Survey:
    """The first look at the files, which changes nothing."""

    contents: list[str] = field(default_factory=list)
    tasks: Counter[str] = field(default_factory=Counter)
    crashed: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def transaction(self) -> str:
        """Named by the content: the same episodes in any order and file have the same."""
        return f"upload-{sha256(' '.join(sorted(set(self.contents))).encode()).hexdigest()[:32]}"


def import_episodes(
    read: Read, *, admission: Admission, episodes: EpisodeTable, records: Records, origin: Path, file_format: str
) -> Imported:
    """Reads the files twice: to check every episode, and to write them. ConfigError lists what is wrong with them.

    The same episodes are added once, whichever files they come in.
    """
    survey = _surveyed(read, admission, origin)
    done = episodes.committed(survey.transaction)
    added: dict[str, Counter[str]] = {}
    if done is None:
        known = {episode.episode_id.rpartition("-")[0] for episode in episodes.summaries(source=Source.UPLOAD)}
        new = _admitted(read, admission, known, survey)
        parts = list(_written(new, episodes, added))
        done = episodes.commit(parts, transaction=survey.transaction) if parts else None
    imported = Imported(
        transaction=survey.transaction,
        episodes_version=done,
        outcomes=added,
        repeated=len(survey.contents) - sum(counts.total() for counts in added.values()),
        crashed=survey.crashed,
    )
    if done is not None:
        _record(imported, survey, records, origin=origin, file_format=file_format)
    return imported


def _surveyed(read: Read, admission: Admission, origin: Path) -> _Survey:
    survey = _Survey()
    for found in read():
        if found.error is not None:
            survey.crashed += 1
            continue
        try:
            episode = admission.episode(found)
        except EpisodeError as failure:
            survey.problems.append(str(failure))
            continue
        survey.contents.append(episode.episode_id)
        survey.tasks[episode.task] += 1
    if survey.problems:
        shown = survey.problems[:SHOWN_PROBLEMS]
        more = len(survey.problems) - len(shown)
        lines = [f"{origin}: {len(survey.problems)} episode(s) to correct; nothing was imported:"]
        lines += [f"  {line.removeprefix('episode ')}" for line in shown]
        raise ConfigError("\n".join([*lines, f"  ... and {more} more"] if more else lines))
    if not survey.contents:
        raise ConfigError(f"{origin}: holds no episodes")
    return survey


def _admitted(read: Read, admission: Admission, known: set[str], survey: _Survey) -> Iterator[Episode]:
    """Each content once, under an id that no other import gives: two imports at once never collide."""
    seen, surveyed = set(known), set(survey.contents)
    suffix = survey.transaction.removeprefix("upload-")[:8]
    for found in read():
        if found.error is not None:
            continue
        episode = admission.episode(found)
        if episode.episode_id not in surveyed:
            raise ConfigError(f"{found.origin}: changed while it was imported; nothing was imported")
        if episode.episode_id not in seen:
            seen.add(episode.episode_id)
            yield replace(episode, episode_id=f"{episode.episode_id}-{suffix}")


def _written(new: Iterator[Episode], episodes: EpisodeTable, added: dict[str, Counter[str]]) -> Iterator[Part]:
    batch: list[Episode] = []
    for episode in new:
        added.setdefault(episode.task, Counter())[str(episode.outcome)] += 1
        batch.append(episode)
        if len(batch) == EPISODES_PER_PART:
            yield episodes.write(batch)
            batch = []
    if batch:
        yield episodes.write(batch)


def due_iteration(records: Records) -> int:
    """The first iteration that has not relabelled yet: the first that can learn from what is imported now."""
    begun = sorted({int(key.split("/")[1]) for key in records.keys("iterations/")})
    if not begun:
        return 0
    relabelled = records.read(record_key(begun[-1], Stage.RELABEL)) is not None
    return begun[-1] + 1 if relabelled else begun[-1]


def _record(imported: Imported, survey: _Survey, records: Records, *, origin: Path, file_format: str) -> None:
    """Who looks at the episodes later finds where they came from. A repeated import finds the record of the first."""
    key = f"{RECORD_PREFIX}{imported.transaction.removeprefix('upload-')}"
    if records.read(key) is not None:
        return
    try:
        records.write(
            key,
            {
                "transaction": imported.transaction,
                "episodes_version": imported.episodes_version,
                "format": file_format,
                "origin": str(origin),
                "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "tasks": dict(survey.tasks),
                "outcomes": {task: dict(counts) for task, counts in imported.outcomes.items()},
            },
        )
    except RecordExistsError:
        return  # Another process imports the same.
