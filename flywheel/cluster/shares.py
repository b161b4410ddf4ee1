"""Shares: which requests a collector has at once, and what is still to do when it dies. Pure bookkeeping."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from flywheel.core.episode import EpisodeRequest, EpisodeSummary
from flywheel.ports import Part


@dataclass
class Share:
    """Requests given to one collector in one call, in the order in which it starts them."""

    requests: Sequence[EpisodeRequest]
    suspect: bool = False
    """One request, alone because it may have brought a collector down."""
    parts: list[Part] = field(default_factory=list)
    written: list[EpisodeSummary] = field(default_factory=list)
    """Covered by the parts."""
    unwritten: list[EpisodeSummary] = field(default_factory=list)
    """Finished, but in no part that the store has: lost if the collector dies now."""

    @property
    def num_unfinished(self) -> int:
        return len(self.requests) - len(self.written) - len(self.unwritten)

    def receive(self, made: EpisodeSummary | Part) -> None:
        """What the collector yields, in its order. A part covers the oldest episodes that no part covered before."""
        if isinstance(made, Part):
            assert made.num_rows <= len(self.unwritten), "a part holds episodes whose summaries came before it"
            self.parts.append(made)
            self.written += self.unwritten[: made.num_rows]
            self.unwritten = self.unwritten[made.num_rows :]
        else:
            self.unwritten.append(made)

    def release(self, requests: Iterable[EpisodeRequest]) -> None:
        """The collector gave them back: they are another's."""
        released = {request.episode_id for request in requests}
        self.requests = [request for request in self.requests if request.episode_id not in released]

    def left(self, *, num_environments: int) -> "list[Share]":
        """What is to be made again when the collector died: one share of the innocent, then each suspect alone.

        Suspects are the requests that were in flight: the first ones without an episode.
        """
        finished = {summary.episode_id for summary in self.unwritten}
        undone = self._undone()
        suspects = [request for request in undone if request.episode_id not in finished][:num_environments]
        innocent = [request for request in undone if request not in suspects]
        shares = [Share(innocent)] if innocent else []
        return shares + [Share([request], suspect=True) for request in suspects]

    def orphaned(self) -> "list[Share]":
        """What is to be made again when the collector's machine is gone, for which no request can be blamed."""
        return [Share(undone, suspect=self.suspect)] if (undone := self._undone()) else []

    def _undone(self) -> list[EpisodeRequest]:
        written = {summary.episode_id for summary in self.written}
        return [request for request in self.requests if request.episode_id not in written]


class Pending:
    """Requests that a collector takes one by one, while another thread may take some back."""

    def __init__(self, requests: Iterable[EpisodeRequest] = ()) -> None:
        self._requests = deque(requests)

    def __iter__(self) -> Iterator[EpisodeRequest]:
        while True:
            try:
                yield self._requests.popleft()
            except IndexError:
                return

    def give_back(self) -> list[EpisodeRequest]:
        """The later half of what nobody has begun."""
        given: list[EpisodeRequest] = []
        for _ in range((len(self._requests) + 1) // 2):
            try:
                given.insert(0, self._requests.pop())
            except IndexError:  # Taken meanwhile.
                break
        return given


def split(requests: Sequence[EpisodeRequest], num_collectors: int) -> list[Share]:
    """Request i goes to collector i mod n; nobody gets an empty share."""
    shares = [Share(requests[first::num_collectors]) for first in range(num_collectors)]
    return [share for share in shares if share.requests]
