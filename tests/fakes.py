"""The ports on storage, in memory. The tests of the real ones run on these too."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, Generic, TypeVar

from factories import content

from flywheel.core.episode import Episode
from flywheel.core.errors import CheckpointError, NotFoundError, RecordExistsError, StoreError
from flywheel.core.policy import PolicyVersion
from flywheel.core.task import Label
from flywheel.ports import EpisodeSummary, Part

Row = TypeVar("Row", Episode, Label)


class _MemoryTable(Generic[Row]):
    """Version v is what the first v commits made visible."""

    def __init__(self) -> None:
        self._parts: dict[str, list[Row]] = {}
        self._commits: list[tuple[str, list[str]]] = []

    def write(self, rows: Sequence[Row]) -> Part:
        ordered = sorted(rows, key=lambda row: (row.episode_id, row.task))
        path = sha256(repr([content(row) for row in ordered]).encode()).hexdigest()
        self._parts[path] = ordered
        return Part(path=path, num_bytes=len(path), num_rows=len(ordered))

    def commit(self, parts: Sequence[Part], *, transaction: str) -> int:
        done = self.committed(transaction)
        if done is not None:
            return done
        for part in parts:
            if len(self._parts.get(part.path, ())) != part.num_rows:
                raise StoreError(f"{part.path}: missing or not what was written")
        self._commits.append((transaction, [part.path for part in parts]))
        return len(self._commits)

    def committed(self, transaction: str) -> int | None:
        for version, (name, _) in enumerate(self._commits, start=1):
            if name == transaction:
                return version
        return None

    def _rows(self, version: int | None) -> list[Row]:
        if version is not None and (version > len(self._commits) or not self._commits):
            raise NotFoundError(f"no version {version}")
        paths = [path for _, some in self._commits[:version] for path in some]
        return [row for path in dict.fromkeys(paths) for row in self._parts[path]]


class MemoryEpisodes(_MemoryTable[Episode]):
    """`ports.EpisodeTable`."""

    def summaries(self, *, version: int | None = None, iteration: int | None = None) -> list[EpisodeSummary]:
        return [
            EpisodeSummary(**{name: getattr(episode, name) for name in EpisodeSummary.__dataclass_fields__})
            for episode in self._ordered(version)
            if iteration in (None, episode.iteration)
        ]

    def read(self, *, version: int | None = None, episode_ids: Iterable[str] | None = None) -> Iterator[Episode]:
        found = {episode.episode_id: episode for episode in self._ordered(version)}
        wanted = sorted(set(found if episode_ids is None else episode_ids))
        for episode_id in wanted:
            if episode_id not in found:
                raise NotFoundError(f"no episode {episode_id}")
        return (found[episode_id] for episode_id in wanted)

    def _ordered(self, version: int | None) -> list[Episode]:
        episodes = sorted(self._rows(version), key=lambda episode: episode.episode_id)
        if len({episode.episode_id for episode in episodes}) < len(episodes):
            raise StoreError("an episode is there more than once")
        return episodes


class MemoryLabels(_MemoryTable[Label]):
    """`ports.LabelTable`."""

    def read(self, *, version: int | None = None) -> Mapping[str, Sequence[Label]]:
        newest: dict[tuple[str, str], Label] = {}
        for label in sorted(self._rows(version), key=lambda label: (label.labeler_version, label.labeler)):
            newest[label.episode_id, label.task] = label
        labels: dict[str, list[Label]] = {}
        for episode_id, task in sorted(newest):
            labels.setdefault(episode_id, []).append(newest[episode_id, task])
        return labels


class MemoryRecords:
    """`ports.Records`."""

    def __init__(self) -> None:
        self._records: dict[str, str] = {}

    def write(self, key: str, record: Mapping[str, Any]) -> None:
        try:
            text = json.dumps(record, allow_nan=False)
        except (TypeError, ValueError) as failure:
            raise StoreError(f"{key}: not plain JSON") from failure
        if key in self._records:
            raise RecordExistsError(f"{key}: is already there")
        self._records[key] = text

    def read(self, key: str) -> dict[str, Any] | None:
        return json.loads(self._records[key]) if key in self._records else None

    def keys(self, prefix: str) -> list[str]:
        return sorted(key for key in self._records if key.startswith(prefix))


class MemoryPolicies:
    """`ports.Policies`."""

    def __init__(self) -> None:
        self._saved: dict[str, tuple[PolicyVersion, dict[str, bytes]]] = {}

    def save(self, version: PolicyVersion, files: Mapping[str, bytes]) -> None:
        if version.policy_id in self._saved:
            raise RecordExistsError(f"policy version {version.policy_id} is already there")
        self._saved[version.policy_id] = version, dict(files)

    def load(self, policy_id: str) -> Mapping[str, bytes]:
        if policy_id not in self._saved:
            raise CheckpointError(f"policy version {policy_id} was never finished")
        return dict(self._saved[policy_id][1])

    def version(self, policy_id: str) -> PolicyVersion | None:
        return self._saved[policy_id][0] if policy_id in self._saved else None


class MemoryCheckpoints:
    """`ports.Checkpoints`."""

    def __init__(self) -> None:
        self._saved: dict[tuple[str, int], tuple[str, dict[str, bytes]]] = {}

    def save(self, policy_id: str, update: int, files: Mapping[str, bytes], *, identity: Mapping[str, Any]) -> None:
        self._saved[policy_id, update] = json.dumps(identity, sort_keys=True), dict(files)

    def newest(self, policy_id: str, *, identity: Mapping[str, Any]) -> tuple[int, Mapping[str, bytes]] | None:
        wanted = json.dumps(identity, sort_keys=True)
        fitting = [key for key, (theirs, _) in self._saved.items() if key[0] == policy_id and theirs == wanted]
        return (max(fitting)[1], self._saved[max(fitting)][1]) if fitting else None

    def delete(self, policy_id: str) -> None:
        self._saved = {key: saved for key, saved in self._saved.items() if key[0] != policy_id}
