"""Tables: episodes and labels, appended in transactions."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from flywheel.core.episode import Episode, EpisodeSummary, Outcome, Source
from flywheel.core.outline import Block, DataSize, Outline
from flywheel.core.task import Label
from flywheel.ports.parts import Part


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
