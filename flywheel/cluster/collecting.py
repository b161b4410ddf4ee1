"""Collectors as Ray actors. Plain Ray: RLlib's FaultTolerantActorManager cannot receive a stream of results.

It fetches one result per call, so a collector that dies would take all episodes of its call with it.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import Event
from time import monotonic
from typing import Any

import ray
import torch
from ray.exceptions import RayActorError, RayTaskError

from flywheel.cluster.shares import Share, split
from flywheel.core.behaviour import Behaviour
from flywheel.core.episode import EpisodeRequest, EpisodeSummary
from flywheel.core.errors import EnvironmentFailure, FlywheelError
from flywheel.core.rollout import failed_episode
from flywheel.ports import Brake, CollectorCounts, EpisodeTable, Notice, Observer, Part, Spooled, unstopped
from flywheel.workers.collecting import Collector, summary

START_ATTEMPTS = 3
"""A collector that dies whenever it starts is not started again."""
ASIDE = "aside"
"""The group of methods that are answered while a collector collects."""
BRAKE_INTERVAL_S = 0.5
STOP_TIMEOUT_S = 5.0
"""For collectors to write what they have; then they are killed."""
START_TIMEOUT_S = 300.0
"""A collector that has not started by then never will: there is no place for it."""


class _Collector:
    """The plain collector inside an actor."""

    def __init__(self, make: Callable[[], Collector]) -> None:
        torch.set_num_threads(1)
        self._collector = make()
        self._stopping = Event()

    def collect(
        self, requests: Sequence[EpisodeRequest], behaviour: Behaviour
    ) -> Iterator[EpisodeSummary | Part | Notice]:
        self._stopping.clear()
        # A generator of its own: Ray sends values into this one, which must not reach what the collector yields from.
        yield from (made for made in self._collector.collect(requests, behaviour, stopping=self._stopping.is_set))

    @ray.method(concurrency_group=ASIDE)
    def stop(self) -> None:
        """What is being collected ends with the next episode."""
        self._stopping.set()


@dataclass
class _Running:
    """A collector at work on a share."""

    share: Share
    stream: Any
    deadline: float
    """On the monotonic clock: it counts as hung if nothing came by then."""


@dataclass
class _Collection:
    """Everything that one call of `collect` has to do and has done."""

    behaviour: Behaviour
    observer: Observer
    num_requests: int
    waiting: deque[Share]
    running: dict[int, _Running] = field(default_factory=dict)
    """By the collector's number."""
    parts: list[Part] = field(default_factory=list)
    summaries: list[EpisodeSummary] = field(default_factory=list)
    """Of shares that are over; those of running ones are in the shares."""
    stops_at: float | None = None
    """On the monotonic clock: when those that were told to stop are killed."""

    def close(self, share: Share) -> None:
        """Keeps what is safe of a share that is over."""
        self.parts += share.parts
        self.summaries += share.written

    def report(self) -> None:
        running = sum(len(some.share.written) + len(some.share.unwritten) for some in self.running.values())
        self.observer.progress(len(self.summaries) + running, self.num_requests)


class RayCollectors:
    """`ports.Collectors` on long-lived actors: they start at the first use and stay until `close`.

    A collector that dies, or yields nothing for `episode_timeout_s`, is replaced. What it had written stays; the rest
    is made again, the requests in flight one by one, and one that brings a collector down alone becomes an episode
    with an error.
    """

    def __init__(
        self,
        *,
        collector: Callable[[], Collector],
        episodes: EpisodeTable,
        num_collectors: int,
        num_environments: int,
        episode_timeout_s: float,
        num_cpus: float = 1.0,
        brake: Brake = unstopped,
    ) -> None:
        """`collector` is called in each actor; `num_cpus` are the places that one takes."""
        self._brake = brake
        self._make, self._episodes = collector, episodes
        self._num_collectors, self._num_environments = num_collectors, num_environments
        self._episode_timeout_s = episode_timeout_s
        dress: Any = ray.remote  # Ray's own types do not know of groups.
        self._actor_class = dress(num_cpus=num_cpus, concurrency_groups={ASIDE: 1})(_Collector)
        self._actors: dict[int, Any] = {}
        self._num_lost, self._num_decisions = 0, 0
        self._spooled: dict[int, Spooled] = {}

    def collect(
        self, requests: Sequence[EpisodeRequest], behaviour: Behaviour, observer: Observer
    ) -> tuple[list[Part], list[EpisodeSummary]]:
        """Makes every requested episode exactly once, unless the brake stops it; summaries in the requests' order."""
        work = _Collection(behaviour, observer, len(requests), deque(split(requests, self._num_collectors)))
        try:
            self._start(range(len(work.waiting)))
            while work.waiting or work.running:
                self._hand_out(work)
                self._receive(work)
                self._stop_if_told(work)
        except BaseException:
            self.close()
            raise
        made = {one.episode_id: one for one in work.summaries}
        wanted = [request.episode_id for request in requests]
        assert len(work.summaries) == len(made), "no request is made twice"
        assert work.stops_at is not None or made.keys() == set(wanted), "no request is lost"
        finished = [made[episode_id] for episode_id in wanted if episode_id in made]
        return sorted(work.parts, key=lambda part: part.path), finished

    def counts(self) -> CollectorCounts:
        return CollectorCounts(
            alive=len(self._actors),
            lost=self._num_lost,
            num_decisions=self._num_decisions,
            spooled=tuple(some for some in list(self._spooled.values()) if some.num_parts),
        )

    def close(self) -> None:
        """Ends the actors; the next use starts new ones."""
        for actor in self._actors.values():
            ray.kill(actor)
        self._actors, self._spooled = {}, {}

    def _start(self, numbers: Sequence[int]) -> None:
        """Returns when these collectors are ready; those that died since the last use, or as they start, are new."""
        for _ in range(START_ATTEMPTS):
            for number in numbers:
                if number not in self._actors:
                    self._actors[number] = self._actor_class.remote(self._make)
            dead = self._dead(numbers)
            if not dead:
                return
            for number in dead:
                del self._actors[number]
            self._num_lost += len(dead)
        failure = next(iter(dead.values()))
        raise EnvironmentFailure(f"a collector does not start: {failure}") from failure

    def _dead(self, numbers: Sequence[int]) -> dict[int, RayActorError]:
        """Those that will never be ready; the others are."""
        starting = {self._actors[number].__ray_ready__.remote(): number for number in numbers}
        _, late = ray.wait(list(starting), num_returns=len(starting), timeout=START_TIMEOUT_S)
        if late:
            raise EnvironmentFailure(
                f"a collector did not start within {START_TIMEOUT_S:.0f} s: has Ray places for {len(self._actors)}?"
            )
        dead: dict[int, RayActorError] = {}
        for reference, number in starting.items():
            try:
                ray.get(reference)
            except RayActorError as failure:
                dead[number] = failure
        return dead

    def _hand_out(self, work: _Collection) -> None:
        """Every idle collector gets a share, while there are any."""
        for number, actor in self._actors.items():
            if work.waiting and number not in work.running:
                share = work.waiting.popleft()
                stream = actor.collect.options(num_returns="streaming").remote(share.requests, work.behaviour)
                work.running[number] = _Running(share, stream, monotonic() + self._episode_timeout_s)

    def _receive(self, work: _Collection) -> None:
        """Waits for the next result or deadline, and deals with all of them that are there."""
        pause = min(running.deadline for running in work.running.values()) - monotonic()
        streams = [running.stream for running in work.running.values()]
        ready, _ = ray.wait(streams, num_returns=1, timeout=min(max(0.0, pause), BRAKE_INTERVAL_S))
        for number, running in list(work.running.items()):
            if running.stream in ready:
                self._receive_from(number, running, work)
            elif monotonic() > running.deadline and not ray.wait([running.stream], timeout=0)[0]:
                self._replace(number, f"yielded nothing for {self._episode_timeout_s:g} s", work)
        work.report()

    def _stop_if_told(self, work: _Collection) -> None:
        """No new shares; those that run write what they have, or lose it with their collector."""
        if work.stops_at is None and self._brake() is not None:
            work.stops_at = monotonic() + STOP_TIMEOUT_S
            work.waiting.clear()
            for number in work.running:
                self._actors[number].stop.remote()
        if work.stops_at is not None and monotonic() > work.stops_at:
            for number, running in work.running.items():
                self._end(number)
                work.close(running.share)
            work.running.clear()

    def _receive_from(self, number: int, running: _Running, work: _Collection) -> None:
        try:
            made = ray.get(next(running.stream))
            running.deadline = monotonic() + self._episode_timeout_s
            if isinstance(made, Notice):
                self._notice(number, made, work)
                return
            running.share.receive(made)
            if isinstance(made, EpisodeSummary):
                self._num_decisions += made.num_decisions
        except StopIteration:
            del work.running[number]
            work.close(running.share)
            self._tell_errors(running.share, work)
        except RayActorError as failure:
            self._replace(number, f"died: {_first_line(failure)}", work)
        except RayTaskError as failure:
            if isinstance(failure.cause, FlywheelError):
                raise failure.cause from failure
            raise EnvironmentFailure(f"a collector failed: {failure.cause!r}") from failure

    def _notice(self, number: int, notice: Notice, work: _Collection) -> None:
        if notice.message:
            work.observer.event(f"collector {number}: {notice.message}")
        if notice.spooled is not None:
            self._spooled[number] = notice.spooled

    def _end(self, number: int) -> None:
        ray.kill(self._actors.pop(number))
        self._spooled.pop(number, None)

    def _replace(self, number: int, reason: str, work: _Collection) -> None:
        """A new collector for one that died or hangs; its requests without a written episode wait again."""
        share = work.running.pop(number).share
        self._end(number)
        self._num_lost += 1
        work.close(share)
        if share.suspect:
            self._give_up(share.requests[0], reason, work)
        else:
            left = share.left(num_environments=self._num_environments)
            work.waiting.extend(left)
            count = sum(len(one.requests) for one in left)
            work.observer.event(f"collector {number} {reason}; replaced, {count} episodes are made again")
        if work.waiting:
            self._start([number])

    def _give_up(self, request: EpisodeRequest, reason: str, work: _Collection) -> None:
        """Records the episode that brought its collector down twice."""
        episode = failed_episode(
            request,
            scene="",
            behaviour_policy=request.policy_id or "demonstrator",
            error=f"EnvironmentFailure: its collector {reason}",
        )
        work.parts.append(self._episodes.write([episode]))
        work.summaries.append(summary(episode))
        work.observer.event(f"episode {episode.episode_id} failed: {episode.error}")

    def _tell_errors(self, share: Share, work: _Collection) -> None:
        for made in share.written:
            if made.error is not None:
                work.observer.event(f"episode {made.episode_id} failed: {made.error}")


def _first_line(failure: Exception) -> str:
    """Ray's messages go on with identifiers that help nobody."""
    lines = [line.strip() for line in str(failure).splitlines() if line.strip()]
    return lines[0] if lines else type(failure).__name__
