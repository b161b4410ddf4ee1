"""Every port in memory. The tests of the real ports on storage run on these too."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from hashlib import sha256
from typing import Any, Generic, TypeVar

import numpy as np
from factories import content, crashed_episode, random_episode

from flywheel.core.behaviour import Behaviour
from flywheel.core.episode import Episode, EpisodeRequest, EpisodeSummary, Floats, Outcome, Source
from flywheel.core.errors import CheckpointError, NotFoundError, RecordExistsError, StoreError
from flywheel.core.policy import PolicyVersion
from flywheel.core.task import Label, Task
from flywheel.core.training import TrainingRequest, TrainingResult
from flywheel.logs.about import known
from flywheel.ports import (
    CollectorCounts,
    EpisodePage,
    EpisodeTable,
    LabelTable,
    Observer,
    Part,
    Policies,
    Proof,
    TableSize,
    unheard,
    unproven,
)
from flywheel.workers.relabeling import relabel_episodes

CONTRACT = "what the policies of the fakes see and do"
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

    def digest(self, version: int) -> str:
        self._rows(version)
        paths = {path for _, some in self._commits[:version] for path in some}
        return sha256("\n".join(sorted(paths)).encode()).hexdigest()

    def size(self) -> TableSize:
        paths = {path for _, some in self._commits for path in some}
        return TableSize(version=len(self._commits), num_bytes=sum(map(len, paths)))

    def _rows(self, version: int | None) -> list[Row]:
        if version is not None and (version > len(self._commits) or not self._commits):
            raise NotFoundError(f"no version {version}")
        paths = [path for _, some in self._commits[:version] for path in some]
        return [row for path in dict.fromkeys(paths) for row in self._parts[path]]


def _summary(episode: Episode) -> EpisodeSummary:
    return EpisodeSummary(**{name: getattr(episode, name) for name in EpisodeSummary.__dataclass_fields__})


class MemoryEpisodes(_MemoryTable[Episode]):
    """`ports.EpisodeTable`."""

    def summaries(
        self, *, version: int | None = None, iteration: int | None = None, source: Source | None = None
    ) -> list[EpisodeSummary]:
        return [
            _summary(episode)
            for episode in self._ordered(version)
            if iteration in (None, episode.iteration) and source in (None, episode.source)
        ]

    def page(self, *, size: int, before: str | None = None, **wanted: Any) -> EpisodePage:
        found = [
            summary
            for summary in reversed(self.summaries())
            if (before is None or summary.episode_id < before)
            and all(value in (None, getattr(summary, name)) for name, value in wanted.items())
        ]
        return EpisodePage(summaries=found[:size], before=found[size - 1].episode_id if len(found) > size else None)

    def counts(self, *, version: int | None = None) -> Mapping[tuple[str, str, Source], Mapping[Outcome, int]]:
        counts: dict[tuple[str, str, Source], dict[Outcome, int]] = {}
        for made in sorted(self._ordered(version), key=lambda made: (made.task, made.behaviour_policy, made.source)):
            outcomes = counts.setdefault((made.task, made.behaviour_policy, made.source), {})
            outcomes[made.outcome] = outcomes.get(made.outcome, 0) + 1
        return counts

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


class DirectWriter:
    """`ports.PartWriter` on a table that is never away."""

    def __init__(self, episodes: EpisodeTable) -> None:
        self._episodes, self._news = episodes, []

    num_waiting, is_full = 0, False

    def discard(self) -> None:
        self._news = []

    def add(self, episodes: Sequence[Episode], *, work_s: float) -> None:
        self._news.append(replace(self._episodes.write(episodes), work_s=work_s))

    def poll(self) -> list[Part]:
        news, self._news = self._news, []
        return news

    def wait(self) -> list[Part]:
        raise AssertionError("nothing waits here")


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

    def of(self, episode_ids: Sequence[str], *, version: int | None = None) -> Mapping[str, Sequence[Label]]:
        return {name: some for name, some in self.read(version=version).items() if name in set(episode_ids)}

    def labelled(self, episode_ids: Iterable[str], *, version: int | None = None) -> set[str]:
        return {label.episode_id for label in self._rows(version)} & set(episode_ids)


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

    def save(self, version: PolicyVersion, files: Mapping[str, bytes], *, proof: Proof = unproven) -> None:
        if version.policy_id in self._saved:
            raise RecordExistsError(f"policy version {version.policy_id} is already there")
        proof(files)
        self._saved[version.policy_id] = version, dict(files)

    def load(self, policy_id: str) -> Mapping[str, bytes]:
        if policy_id not in self._saved:
            raise CheckpointError(f"policy version {policy_id} was never finished")
        return dict(self._saved[policy_id][1])

    def version(self, policy_id: str) -> PolicyVersion | None:
        return self._saved[policy_id][0] if policy_id in self._saved else None

    def digests(self, policy_id: str) -> Mapping[str, str]:
        return {name: sha256(data).hexdigest() for name, data in self.load(policy_id).items()}


class MemoryCheckpoints:
    """`ports.Checkpoints`."""

    def __init__(self) -> None:
        self._saved: dict[tuple[str, int], tuple[str, dict[str, bytes]]] = {}

    def save(
        self,
        policy_id: str,
        update: int,
        files: Mapping[str, bytes],
        *,
        identity: Mapping[str, Any],
        proof: Proof = unproven,
    ) -> None:
        proof(files)
        self._saved[policy_id, update] = json.dumps(identity, sort_keys=True), dict(files)

    def newest(
        self,
        policy_id: str,
        *,
        identity: Mapping[str, Any],
        below: int | None = None,
        refuse: Callable[[str], None] = unheard,
    ) -> tuple[int, Mapping[str, bytes]] | None:
        wanted = json.dumps(identity, sort_keys=True)
        updates = sorted((update for name, update in self._saved if name == policy_id), reverse=True)
        for update in (update for update in updates if below is None or update < below):
            theirs, files = self._saved[policy_id, update]
            if theirs == wanted:
                return update, files
            refuse(f"checkpoint {policy_id} at update {update}: it was made from other things")
        return None

    def delete(self, policy_id: str) -> None:
        self._saved = {key: saved for key, saved in self._saved.items() if key[0] != policy_id}


def _acted(files: Mapping[str, bytes], observations: Mapping[str, Floats]) -> Floats:
    """[B, 2]: other weights or other observations, other actions."""
    sums = np.sum([values.sum(axis=(1, 2)) for values in observations.values()], axis=0)
    scale = int(sha256(files["weights"]).hexdigest()[:4], 16) / 0xFFFF
    return np.tanh(np.stack([sums + scale, sums - scale], axis=1)).astype(np.float32)


class ScriptedCollectors:
    """`ports.Collectors`. An episode's arrays come from its seed, its outcome from a script."""

    def __init__(self, *, episodes: EpisodeTable, outcome: Callable[[EpisodeRequest, int], Outcome]) -> None:
        """`outcome` is told the request and its place, from 0, among those asked at once of its policy and task."""
        self._episodes, self._outcome = episodes, outcome
        self.asked: list[tuple[list[EpisodeRequest], Behaviour]] = []

    def collect(
        self, requests: Sequence[EpisodeRequest], behaviour: Behaviour, observer: Observer
    ) -> tuple[list[Part], list[EpisodeSummary]]:
        self.asked.append((list(requests), behaviour))
        places: Counter[tuple[str | None, str]] = Counter()
        made = []
        for request in requests:
            place = (request.policy_id, request.task)
            made.append(self._make(request, self._outcome(request, places[place])))
            places[place] += 1
            observer.progress(len(made), len(requests))
        half = len(made) // 2
        parts = [replace(self._episodes.write(some), work_s=1.5) for some in (made[:half], made[half:]) if some]
        return parts, [_summary(episode) for episode in made]

    def counts(self) -> CollectorCounts:
        return CollectorCounts(alive=1)

    def _make(self, request: EpisodeRequest, outcome: Outcome) -> Episode:
        make = crashed_episode if outcome is Outcome.ERROR else random_episode
        num_decisions = {} if outcome is Outcome.ERROR else {"num_decisions": 3}
        succeeded = np.full(num_decisions.get("num_decisions", 0), outcome is Outcome.SUCCESS)
        return make(
            request.seed,
            episode_id=request.episode_id,
            task=request.task,
            source=request.source,
            iteration=request.iteration,
            behaviour_policy=request.policy_id or "demonstrator",
            successes=succeeded,
            scored=outcome is not Outcome.UNSCORED,
            **num_decisions,
        )


class DirectRelabeler:
    """`ports.Relabeler`: one part for all."""

    def __init__(self, *, tasks: Mapping[str, Task], episodes: EpisodeTable, labels: LabelTable) -> None:
        self._tasks, self._episodes, self._labels = tasks, episodes, labels
        self.asked: list[list[str]] = []

    def relabel(self, episodes: Sequence[EpisodeSummary], *, episodes_version: int, observer: Observer) -> list[Part]:
        episode_ids = [episode.episode_id for episode in episodes]
        self.asked.append(episode_ids)
        part = relabel_episodes(
            episode_ids,
            tasks=self._tasks,
            episodes=self._episodes,
            episodes_version=episodes_version,
            labels=self._labels,
        )
        return [part]


class InstantTrainer:
    """`ports.Trainer`: the weights are the request."""

    def __init__(self, *, policies: Policies) -> None:
        self._policies = policies
        self.asked: list[TrainingRequest] = []

    def train(self, request: TrainingRequest, observer: Observer) -> TrainingResult:
        self.asked.append(request)
        weights = repr(request).encode()
        version = PolicyVersion(
            policy_id=request.policy_id,
            iteration=request.iteration,
            parent=request.parent,
            digest=sha256(weights).hexdigest(),
            trained_on={"episodes": request.episodes_version, "labels": request.labels_version},
            contract=CONTRACT,
            recalls=request.recalls,
        )
        if self._policies.version(request.policy_id) is None:
            self._policies.save(version, {"weights": weights})
        observer.progress(request.num_updates, request.num_updates, loss=0.5)
        return TrainingResult(version=version, metrics={"loss": 0.5}, shares={"source": {"demonstration": 1.0}})


class MemoryReference:
    """`ports.Reference`."""

    def __init__(self, *, policies: Policies) -> None:
        self._policies = policies

    def act(self, policy_id: str, observations: Mapping[str, Floats], task: str) -> Floats:
        return _acted(self._policies.load(policy_id), observations)


class MemoryEndpoint:
    """`ports.Endpoint`. `pretends`: the version it says it is; `spoils`: what it adds to every action."""

    def __init__(self, *, policies: Policies, pretends: str | None = None, spoils: float = 0.0) -> None:
        self._stored = MemoryReference(policies=policies)
        self._pretends, self._spoils = pretends, spoils
        self.deployed: list[str] = []
        self.asked: list[tuple[str, Mapping[str, tuple[int, ...]]]] = []

    def reserved(self) -> AbstractContextManager[None]:
        return nullcontext()

    def deploy(self, policy_id: str) -> None:
        self.deployed.append(policy_id)

    def act(self, observations: Mapping[str, Floats], task: str) -> tuple[Floats, str]:
        live = self.deployed[-1]
        self.asked.append((task, {name: values.shape for name, values in observations.items()}))
        return self._stored.act(live, observations, task) + np.float32(self._spoils), self._pretends or live


class Notebook:
    """`ports.Observer`: writes everything down."""

    def __init__(self) -> None:
        self.started: list[tuple[int, str]] = []
        self.completed: list[tuple[int, str]] = []
        self.outcomes: list[Mapping[str, Any]] = []
        self.events: list[str] = []
        self.about: list[Mapping[str, Any]] = []
        """What a line that is logged at each event would say that it is about."""
        self.progressed: list[tuple[int, int, Mapping[str, float]]] = []

    def stage_started(self, iteration: int, stage: str) -> None:
        self.started.append((iteration, str(stage)))

    def progress(self, done: int, total: int, **figures: float) -> None:
        self.progressed.append((done, total, figures))

    def stage_completed(self, iteration: int, stage: str, outcome: Mapping[str, Any]) -> None:
        self.completed.append((iteration, str(stage)))
        self.outcomes.append(outcome)

    def event(self, message: str) -> None:
        self.events.append(message)
        self.about.append(known())
