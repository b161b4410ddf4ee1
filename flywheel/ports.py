"""What the stages need from the world. Implemented in store, cluster and metrics; in memory in the tests."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from flywheel.core.behaviour import Behaviour
from flywheel.core.control import Control
from flywheel.core.entry import Claim, Draft, Entry
from flywheel.core.episode import Episode, EpisodeRequest, EpisodeSummary, Floats, Outcome, Source
from flywheel.core.errors import StoppedError
from flywheel.core.log_line import Level, LogLine
from flywheel.core.outline import Block, DataSize, Outline
from flywheel.core.plan import Plan
from flywheel.core.policy import PolicyVersion
from flywheel.core.task import Label
from flywheel.core.training import TrainingRequest, TrainingResult


@dataclass(frozen=True, kw_only=True)
class Part:
    """A written file that no table names yet: nobody reads it before it is committed."""

    path: str
    """Relative to its table."""
    num_bytes: int
    num_rows: int
    work_s: float = 0.0
    """Seconds that one process spent on making what is in it."""


@dataclass(frozen=True, kw_only=True)
class Spooled:
    """What of one collector waits for the store."""

    num_parts: int = 0
    num_bytes: int = 0
    is_full: bool = False
    """Collecting pauses until something of it is written."""


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Whoever gives it is alive, though nothing was finished."""

    message: str = ""
    """For a person; empty: only the sign of life."""
    spooled: Spooled | None = None
    """What waits now; None: as before."""


@dataclass(frozen=True, kw_only=True)
class CollectorCounts:
    """Of the processes that run environments."""

    alive: int = 0
    lost: int = 0
    """Since this process began: they died or hung, and were replaced."""
    num_decisions: int = 0
    """Since this process began, of finished episodes."""
    spooled: tuple[Spooled, ...] = ()
    """Of each that has something waiting."""


@dataclass(frozen=True, kw_only=True)
class EpisodePage:
    """Some episodes, in the falling order of their ids: later iterations come first."""

    summaries: Sequence[EpisodeSummary]
    """Perhaps fewer than asked for, even none, though more follow: a page looks at a bounded number of rows."""
    before: str | None
    """The next page is asked for with it; None: nothing follows."""


@dataclass(frozen=True, kw_only=True)
class TableSize:
    """Of a table's newest version."""

    version: int
    """Commits since the table was made; 0: it holds nothing."""
    num_bytes: int


@dataclass(frozen=True, kw_only=True)
class LogPage:
    """Some lines, in the order in which they were logged."""

    lines: Sequence[LogLine]
    """Perhaps fewer than asked for, even none, though more follow: a page looks at a bounded number of objects."""
    after: str | None
    """The next page is asked for with it; None: nothing follows."""


class EpisodeTable(Protocol):
    """Episodes: appended in one transaction, never changed."""

    def write(self, episodes: Sequence[Episode]) -> Part:
        """Writes one file of episodes, invisible until committed. The same episodes give the same path."""
        ...

    def commit(self, parts: Sequence[Part], *, transaction: str) -> int:
        """Makes the parts visible, all or none, and returns the new version. A transaction commits once."""
        ...

    def committed(self, transaction: str) -> int | None:
        """The table's version if the transaction was committed, else None."""
        ...

    def digest(self, version: int) -> str:
        """sha256 over the names of the version's files, which hold their own. NotFoundError: no such version."""
        ...

    def size(self) -> TableSize:
        """Reads the log alone."""
        ...

    def summaries(
        self, *, version: int | None = None, iteration: int | None = None, source: Source | None = None
    ) -> list[EpisodeSummary]:
        """Ordered by episode id; of one iteration or of all, of one source or of all. Reads no arrays."""
        ...

    def page(
        self,
        *,
        size: int,
        before: str | None = None,
        task: str | None = None,
        behaviour_policy: str | None = None,
        outcome: Outcome | None = None,
        source: Source | None = None,
        iteration: int | None = None,
    ) -> EpisodePage:
        """At most `size` episodes of the newest version that are as wanted, of those with ids before the given one.

        Reads no arrays, and of a long table only the part that it answers from.
        """
        ...

    def counts(self, *, version: int | None = None) -> Mapping[tuple[str, str, Source], Mapping[Outcome, int]]:
        """(Task, behaviour policy, source) -> outcome -> episodes, in order. Reads no arrays and makes no summaries."""
        ...

    def read(self, *, version: int | None = None, episode_ids: Iterable[str] | None = None) -> Iterator[Episode]:
        """Whole episodes, ordered by episode id. NotFoundError: an id that the version does not hold."""
        ...


class PartWriter(Protocol):
    """Writes files of episodes as `EpisodeTable.write` does, now or when the store is back, in the order given."""

    @property
    def num_waiting(self) -> int:
        """Parts that were added and that the store does not have yet."""
        ...

    @property
    def is_full(self) -> bool:
        """Nothing may be added until something that waits is written."""
        ...

    def discard(self) -> None:
        """Forgets what waits: whoever added it makes it anew."""
        ...

    def add(self, episodes: Sequence[Episode], *, work_s: float) -> None:
        """Takes episodes for one part, on which one process spent `work_s` seconds."""
        ...

    def poll(self) -> list[Part | Notice]:
        """What happened since the last call: parts that the store has now, and what a person should know."""
        ...

    def wait(self) -> list[Part | Notice]:
        """As `poll`, but not before the next attempt to write what waits. Never empty."""
        ...


class LabelTable(Protocol):
    """Labels: (episode, task, labeler, version) rows beside the episodes; the newest labeler version counts."""

    def write(self, labels: Sequence[Label]) -> Part: ...

    def commit(self, parts: Sequence[Part], *, transaction: str) -> int: ...

    def committed(self, transaction: str) -> int | None: ...

    def digest(self, version: int) -> str: ...

    def size(self) -> TableSize: ...

    def read(self, *, version: int | None = None) -> Mapping[str, Sequence[Label]]:
        """Episode id -> one label per task."""
        ...

    def of(self, episode_ids: Sequence[str], *, version: int | None = None) -> Mapping[str, Sequence[Label]]:
        """As `read`, of some episodes alone, given in order: reads what lies between the first and the last id."""
        ...

    def labelled(self, episode_ids: Iterable[str], *, version: int | None = None) -> set[str]:
        """Those of the episodes that have a label. Reads no rewards."""
        ...


class Catalogue(Protocol):
    """Labelled episodes block by block: what training reads that does not fit in memory."""

    def size(self, *, episodes_version: int, labels_version: int) -> DataSize:
        """Without reading any data."""
        ...

    def outlines(self, *, episodes_version: int, labels_version: int) -> Iterator[Outline]:
        """Of every file, in the order of their keys; the newest labeler version of each episode and task."""
        ...

    def read(self, block: Block, *, labels_version: int) -> tuple[list[Episode], Mapping[str, Sequence[Label]]]:
        """A block's episodes, without their facts, and the labels of each."""
        ...


class Records(Protocol):
    """Immutable JSON objects under slash-separated keys."""

    def write(self, key: str, record: Mapping[str, Any]) -> None:
        """Put-if-absent. RecordExistsError: the key is taken."""
        ...

    def read(self, key: str) -> dict[str, Any] | None:
        """None where there is no such record. StoreError: it is there but is not what was written."""
        ...

    def keys(self, prefix: str) -> list[str]:
        """Sorted."""
        ...


class IterationLogs(Protocol):
    """What was logged about iterations. Added to, never changed."""

    def append(self, iteration: int, lines: bytes, *, at: datetime) -> None:
        """Whole lines of JSON, the first of which was logged at that time. StoreError."""
        ...

    def num_bytes(self, iteration: int) -> int:
        """How much is kept of it."""
        ...

    def page(
        self,
        iteration: int,
        *,
        size: int,
        after: str | None = None,
        level: Level | None = None,
        stage: str | None = None,
    ) -> LogPage:
        """At most `size` lines that matter at least as much as the level, of one stage or of all.

        ConfigError: `after` is none of a page. StoreError: what is kept is damaged.
        """
        ...


Brake = Callable[[], StoppedError | None]
"""Why what runs should stop; None: go on. Cheap: it is asked often."""


def unstopped() -> None:
    """The brake that nobody pulls."""


def nothing() -> None:
    """For what has nothing to end."""


Decide = Callable[[Control], Draft | None]
"""What to do as things stand; None: nothing. It may be asked several times, and may refuse."""


class Chronicle(Protocol):
    """Who did what, in one order. Everything that was asked for and decided follows from it."""

    def control(self) -> Control:
        """Where everything stands now. ChronicleError, StoreError: what is recorded cannot be read."""
        ...

    def append(self, decide: Decide, *, claim: Claim | None = None) -> Entry | None:
        """Adds what `decide` makes of the newest state, and nobody gets in between.

        With a claim that an entry has already, that entry is the answer. ReplayError: it was for something else.
        RefusalError: what `decide` raises.
        """
        ...


Proof = Callable[[Mapping[str, bytes]], None]
"""Is given the files as they were read back. CheckpointError: they do not restore."""


def unproven(files: Mapping[str, bytes]) -> None:
    """The proof that asks for nothing."""


def unheard(message: str) -> None:
    """For those who need not be told."""


class Policies(Protocol):
    """The files of policy versions. The manifest is written last: without it there is no version."""

    def save(self, version: PolicyVersion, files: Mapping[str, bytes], *, proof: Proof = unproven) -> None:
        """Replaces what a crashed attempt left; a finished version is never replaced (RecordExistsError).

        The version is there only once its files were read back and the proof had nothing against them.
        """
        ...

    def load(self, policy_id: str) -> Mapping[str, bytes]:
        """File name -> bytes, checked against the manifest. CheckpointError: missing or damaged, naming the file."""
        ...

    def version(self, policy_id: str) -> PolicyVersion | None:
        """None where it was never finished."""
        ...

    def digests(self, policy_id: str) -> Mapping[str, str]:
        """File name -> sha256 of what is stored. CheckpointError: missing or damaged, naming the file."""
        ...


@dataclass(frozen=True, kw_only=True)
class VideoFile:
    """A video that is stored."""

    num_bytes: int
    tag: str
    """Differs where the bytes may differ."""


class Videos(Protocol):
    """Videos of episodes. Losing one loses nothing: it can be made again."""

    def find(self, episode_id: str) -> VideoFile | None:
        """None: there is none."""
        ...

    def save(self, episode_id: str, data: bytes) -> None:
        """RecordExistsError: there is one already, which stays."""
        ...

    def read(self, episode_id: str, *, start: int, length: int) -> bytes:
        """NotFoundError: there is none."""
        ...

    def address(self, episode_id: str) -> str | None:
        """Where anybody may read it for a while, without credentials. None: only through this process."""
        ...


class Checkpoints(Protocol):
    """What training goes on from after a crash. Disposable once the policy version is saved."""

    def save(
        self,
        policy_id: str,
        update: int,
        files: Mapping[str, bytes],
        *,
        identity: Mapping[str, Any],
        proof: Proof = unproven,
    ) -> None:
        """Replaces the checkpoint of that update. `identity`: plain JSON values, what the training is made from.

        The checkpoint is there only once its files were read back and the proof had nothing against them.
        """
        ...

    def newest(
        self,
        policy_id: str,
        *,
        identity: Mapping[str, Any],
        below: int | None = None,
        refuse: Callable[[str], None] = unheard,
    ) -> tuple[int, Mapping[str, bytes]] | None:
        """Update and files of the newest that is whole and has the same identity; None where there is none.

        `below`: only of earlier updates than this one. `refuse` hears of each that is passed over, and why.
        """
        ...

    def delete(self, policy_id: str) -> None:
        """All of the policy version's."""
        ...


class Trainer(Protocol):
    """Trains a policy version and saves it."""

    def train(self, request: TrainingRequest, observer: "Observer") -> TrainingResult:
        """Goes on from the newest checkpoint of the same request. TrainingError: it failed, with the root cause."""
        ...


class Collectors(Protocol):
    """Processes that run environments."""

    def collect(
        self, requests: Sequence[EpisodeRequest], behaviour: Behaviour, observer: "Observer"
    ) -> tuple[list[Part], list[EpisodeSummary]]:
        """Makes every requested episode exactly once; one that crashes or hangs comes back with an error.

        Fewer come back only when the brake stopped it: those that were finished by then.
        Who acts, each request says. The episodes of one policy are best asked for next to one another.
        """
        ...

    def counts(self) -> CollectorCounts:
        """Any thread may ask."""
        ...


class Relabeler(Protocol):
    """Labels episodes, many at a time."""

    def relabel(self, episodes: Sequence[EpisodeSummary], *, episodes_version: int, observer: "Observer") -> list[Part]:
        """Every episode for every task that can judge it."""
        ...


class Endpoint(Protocol):
    """Serves one policy version."""

    def reserved(self) -> AbstractContextManager[Any]:
        """Within the block, no other thread makes it serve another version: what is proven of it stays true."""
        ...

    def deploy(self, policy_id: str) -> None:
        """Returns when the endpoint answers with that version. EndpointError: it does not."""
        ...

    def act(self, observations: Mapping[str, Floats], task: str) -> tuple[Floats, str]:
        """Observations, modality -> [B, H, D]; most likely actions [B, A] and the version that chose them."""
        ...


class Reference(Protocol):
    """Stored weights, run in this process: what the endpoint is compared with."""

    def act(self, policy_id: str, observations: Mapping[str, Floats], task: str) -> Floats:
        """As `Endpoint.act`."""
        ...


class Observer(Protocol):
    """Hears what happens; it must not fail and changes nothing."""

    def stage_started(self, iteration: int, stage: str) -> None: ...

    def progress(self, done: int, total: int, **figures: float) -> None:
        """Of the stage that runs."""
        ...

    def stage_completed(self, iteration: int, stage: str, outcome: Mapping[str, Any]) -> None: ...

    def event(self, message: str) -> None:
        """Something a person should read: a collector replaced, an episode failed."""
        ...


@dataclass(frozen=True, kw_only=True)
class Ports:
    """Everything a stage may touch."""

    plan: Plan
    contract: Callable[[], str]
    """Digest of what a policy of this configuration sees and does. Environments are made for it: ask seldom."""
    records: Records
    chronicle: Chronicle
    episodes: EpisodeTable
    labels: LabelTable
    policies: Policies
    collectors: Collectors
    relabeler: Relabeler
    trainer: Trainer
    endpoint: Endpoint
    reference: Reference
    observer: Observer
    brake: Brake = unstopped
    by: str = "command line"
    """Who turns the wheel, as the chronicle names it."""
    owner: str = "this process"
    """The process, as others should read it."""
    rest: Callable[[], None] = nothing
    """Ends processes that only wait; the next use starts them again."""
