"""Lineage of an episode: what it was judged to be, and which policy versions were trained on it."""

from collections.abc import Iterator
from dataclasses import dataclass

from flywheel.core.episode import EpisodeSummary
from flywheel.core.errors import ConfigError, NotFoundError, StoreError, StoreUnavailableError
from flywheel.core.exclusion import active
from flywheel.core.policy import PolicyVersion
from flywheel.core.task import Label
from flywheel.lineage.policy import exclusion_of, trainable
from flywheel.lineage.recall import recalls
from flywheel.store import layout
from flywheel.store.tables import DataFile, Table
from flywheel.store.whole import Store


@dataclass(frozen=True, kw_only=True)
class EpisodeLineage:
    """What became of an episode."""

    episode: EpisodeSummary
    labels: tuple[Label, ...]
    """Also those that newer labelers replace, oldest first."""
    trained: tuple[str, ...]
    """Policy versions that were trained on it."""
    left_out: tuple[str, ...]
    """Policy versions whose data held it and whose recalls left it out."""
    unknown: tuple[str, ...]
    """Policy versions whose data cannot be read any more."""
    recalled_by: tuple[int, ...]
    """Recalls that keep it out of later training."""


def episode_lineage(store: Store, episode_id: str) -> EpisodeLineage:
    """ConfigError: no version that can still be read holds the episode."""
    versions = list(_policy_versions(store))
    holders = _Holders(store.episodes.table, episode_id)
    labelled = _Holders(store.labels.table, episode_id)
    episode = next(_found(store, holders, versions), None)
    if episode is None:
        raise ConfigError(f"{store.url} has no episode {episode_id}")
    known = recalls(store.records)
    eaten = [
        version
        for version in versions
        if trainable(episode)
        and holders.at(version.trained_on[layout.EPISODES])
        and labelled.at(version.trained_on[layout.LABELS])
    ]
    left_out = [
        version for version in eaten if exclusion_of(version, known).excludes(episode_id, episode.behaviour_policy)
    ]
    return EpisodeLineage(
        episode=episode,
        labels=_labels(store, labelled, versions),
        trained=tuple(version.policy_id for version in eaten if version not in left_out),
        left_out=tuple(version.policy_id for version in left_out),
        unknown=tuple(
            version.policy_id
            for version in versions
            if trainable(episode)
            and version not in eaten
            and (
                holders.unsure(version.trained_on[layout.EPISODES])
                or labelled.unsure(version.trained_on[layout.LABELS])
            )
        ),
        recalled_by=tuple(
            recall.number for recall in active(known) if recall.excludes(episode_id, episode.behaviour_policy)
        ),
    )


class _Holders:
    """Which files of a table hold rows of the episode; each is looked into once."""

    def __init__(self, table: Table, episode_id: str) -> None:
        self.episode_id = episode_id
        self._table = table
        self._holds: dict[str, bool | None] = {}

    def at(self, version: int | None) -> list[str]:
        """Keys of the files of the version that hold it."""
        return [file.key for file in self._files(version) if self._in(file)]

    def unsure(self, version: int) -> bool:
        """Whether a file of the version that may hold it cannot be read any more."""
        return not self.at(version) and any(self._in(file) is None for file in self._files(version))

    def _files(self, version: int | None) -> list[DataFile]:
        try:
            return self._table.files(version)
        except NotFoundError:
            return []

    def _in(self, file: DataFile) -> bool | None:
        if not file.may_hold("episode_id", [self.episode_id]):
            return False
        if file.key not in self._holds:
            try:
                rows = self._table.rows(file.key, columns=["episode_id"])
                self._holds[file.key] = self.episode_id in rows["episode_id"].to_pylist()
            except StoreUnavailableError:
                raise
            except StoreError:
                self._holds[file.key] = None
        return self._holds[file.key]


def _policy_versions(store: Store) -> Iterator[PolicyVersion]:
    """Every finished version, in order."""
    folders = {key.split("/")[1] for key in store.objects.keys(layout.POLICIES)}
    for policy_id in sorted(folders):
        version = store.policies.version(policy_id)
        if version is not None:
            yield version


def _found(store: Store, holders: _Holders, versions: list[PolicyVersion]) -> Iterator[EpisodeSummary]:
    for key in _all_keys(holders, layout.EPISODES, versions):
        found = store.episodes.summaries_of_file(key)
        yield from (episode for episode in found if episode.episode_id == holders.episode_id)


def _labels(store: Store, holders: _Holders, versions: list[PolicyVersion]) -> tuple[Label, ...]:
    found = {
        (label.task, label.labeler_version, label.labeler): label
        for key in _all_keys(holders, layout.LABELS, versions)
        for label in store.labels.of_file(key)
        if label.episode_id == holders.episode_id
    }
    return tuple(label for _, label in sorted(found.items()))


def _all_keys(holders: _Holders, table: str, versions: list[PolicyVersion]) -> list[str]:
    """Of the newest version first: what was recalled or left out since may only be in older ones."""
    numbers = [None, *(version.trained_on[table] for version in reversed(versions))]
    return list(dict.fromkeys(key for number in numbers for key in holders.at(number)))
