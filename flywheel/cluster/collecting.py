"""Collectors on Ray. Plain actors: RLlib's FaultTolerantActorManager cannot receive a stream of results.

It fetches one result per call, so a collector that dies would take all episodes of its call with it.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import ray
from ray.exceptions import ActorUnavailableError, RayActorError, RayTaskError

from flywheel.cluster import nodes
from flywheel.cluster.crew import Crew
from flywheel.cluster.deaths import reason
from flywheel.cluster.shares import Share, split
from flywheel.core.behaviour import Behaviour
from flywheel.core.episode import EpisodeRequest, EpisodeSummary
from flywheel.core.errors import EnvironmentFailure, FlywheelError
from flywheel.core.rollout import failed_episode
from flywheel.logs.about import about
from flywheel.ports import Brake, CollectorCounts, EpisodeTable, Notice, Observer, Part, Spooled, unstopped
from flywheel.workers.collecting import Collector, summary

BRAKE_INTERVAL_S = 0.5
STOP_TIMEOUT_S = 5.0
"""For collectors to write what they have; then they are killed."""


@dataclass
class _Running:
    """A collector at work on a share."""

    share: Share
    stream: Any
    deadline: float
    """On the monotonic clock: it counts as hung if nothing came by then."""
    has_begun: bool = False
    """Something came."""
    giving: Any = None
    """The reference of the requests that it was asked to give back."""


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

    Those that are ready go to work, and those that come later, on a node that was added, take over what others have
    not begun. A collector that dies, or yields nothing for `episode_timeout_s`, is replaced. What it had written
    stays; the rest is made again, the requests in flight one by one, and one that brings a collector down alone
    becomes an episode with an error. Where the machine is gone nobody is to blame.
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
        self._crew = Crew(collector=collector, num_cpus=num_cpus)
        self._episodes = episodes
        self._num_collectors, self._num_environments = num_collectors, num_environments
        self._episode_timeout_s = episode_timeout_s
        self._num_decisions = 0
        self._spooled: dict[int, Spooled] = {}

    def collect(
        self, requests: Sequence[EpisodeRequest], behaviour: Behaviour, observer: Observer
    ) -> tuple[list[Part], list[EpisodeSummary]]:
        """Makes every requested episode exactly once, unless the brake stops it; summaries in the requests' order."""
        work = _Collection(behaviour, observer, len(requests), deque(split(requests, self._num_collectors)))
        self._crew.begin()
        try:
            while work.waiting or work.running:
                if work.waiting or self._to_be_relieved(work) is not None:
                    self._crew.summon(min(self._num_collectors, len(requests)))
                self._crew.muster(observer)
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
            alive=len(self._crew.ready),
            lost=self._crew.num_lost,
            num_decisions=self._num_decisions,
            spooled=tuple(some for some in list(self._spooled.values()) if some.num_parts),
        )

    def close(self) -> None:
        """Ends the actors; the next use starts new ones."""
        self._crew.dismiss()
        self._spooled = {}

    def _hand_out(self, work: _Collection) -> None:
        """Every idle collector gets a share while there are any, or a part of what another has not begun."""
        for number, member in self._crew.ready.items():
            if number in work.running:
                continue
            if work.waiting:
                share = work.waiting.popleft()
                stream = member.actor.collect.options(num_returns="streaming").remote(share.requests, work.behaviour)
                work.running[number] = _Running(share, stream, monotonic() + self._episode_timeout_s)
            elif (busiest := self._to_be_relieved(work)) is not None:
                work.running[busiest].giving = self._crew.ready[busiest].actor.give_back.remote()

    def _to_be_relieved(self, work: _Collection) -> int | None:
        """The collector that has most to begin, of those that nobody relieves already."""
        not_begun = {
            number: running.share.num_unfinished - self._num_environments
            for number, running in work.running.items()
            if running.has_begun and running.giving is None
        }
        busiest = max(not_begun, key=lambda number: not_begun[number], default=None)
        return busiest if busiest is not None and work.stops_at is None and not_begun[busiest] > 0 else None

    def _receive(self, work: _Collection) -> None:
        """Waits for the next result, deadline or collector, and deals with all of them that are there."""
        running = list(work.running.values())
        pause = min((some.deadline - monotonic() for some in running), default=BRAKE_INTERVAL_S)
        awaited = [*(some.stream for some in running), *self._crew.starting]
        awaited += [some.giving for some in running if some.giving is not None]
        if not awaited:
            return  # Those that did not start are summoned again.
        ray.wait(awaited, num_returns=1, timeout=min(max(0.0, pause), BRAKE_INTERVAL_S))
        ready, _ = ray.wait(awaited, num_returns=len(awaited), timeout=0)  # Else the first ones hide the others.
        for number, some in list(work.running.items()):
            if some.giving in ready:
                self._pass_on(some, work)
            if some.stream in ready:
                self._receive_from(number, some, work)
            elif monotonic() > some.deadline and not ray.wait([some.stream], timeout=0)[0]:
                self._replace(number, f"yielded nothing for {self._episode_timeout_s:g} s", work)
        work.report()

    def _pass_on(self, running: _Running, work: _Collection) -> None:
        """What a collector gave back waits for another one. One that died gave nothing."""
        giving, running.giving = running.giving, None
        try:
            given: list[EpisodeRequest] = ray.get(giving)
        except RayActorError:
            return
        if given:
            running.share.release(given)
            work.waiting.append(Share(given))

    def _stop_if_told(self, work: _Collection) -> None:
        """No new shares; those that run write what they have, or lose it with their collector."""
        if work.stops_at is None and self._brake() is not None:
            work.stops_at = monotonic() + STOP_TIMEOUT_S
            for number in work.running:
                self._crew.ready[number].actor.stop.remote()
        if work.stops_at is not None:
            work.waiting.clear()
            if monotonic() > work.stops_at:
                for number, running in work.running.items():
                    self._lose(number)
                    work.close(running.share)
                work.running.clear()

    def _receive_from(self, number: int, running: _Running, work: _Collection) -> None:
        try:
            made = ray.get(next(running.stream))
            running.has_begun = True
            running.deadline = monotonic() + self._episode_timeout_s
            if isinstance(made, Notice):
                self._notice(number, made, work)
                return
            running.share.receive(made)
            if isinstance(made, EpisodeSummary):
                self._num_decisions += made.num_decisions
        except StopIteration:
            if running.giving is not None:
                self._pass_on(running, work)
            del work.running[number]
            work.close(running.share)
            self._tell_errors(running.share, work)
        except RayActorError as failure:
            is_gone = self._is_gone(number, failure)
            self._replace(number, "is gone, its machine too" if is_gone else f"died: {reason(failure)}", work, is_gone)
        except RayTaskError as failure:
            if isinstance(failure.cause, FlywheelError):
                raise failure.cause from failure
            raise EnvironmentFailure(f"a collector failed: {failure.cause!r}") from failure

    def _is_gone(self, number: int, failure: RayActorError) -> bool:
        """Whether the machine is gone, and not only the process. Of one that vanishes Ray hears nothing any more."""
        return isinstance(failure, ActorUnavailableError) or self._crew.ready[number].node not in nodes.addresses()

    def _notice(self, number: int, notice: Notice, work: _Collection) -> None:
        if notice.message:
            work.observer.event(f"collector {number}: {notice.message}")
        if notice.spooled is not None:
            self._spooled[number] = notice.spooled

    def _lose(self, number: int) -> None:
        self._crew.lose(number)
        self._spooled.pop(number, None)

    def _replace(self, number: int, how: str, work: _Collection, is_gone: bool = False) -> None:
        """The requests of one that died or hangs, as far as they have no written episode, wait again."""
        share = work.running.pop(number).share
        self._lose(number)
        work.close(share)
        if share.suspect and not is_gone:
            self._give_up(share.requests[0], how, work)
        else:
            left = share.orphaned() if is_gone else share.left(num_environments=self._num_environments)
            work.waiting.extend(left)
            count = sum(len(one.requests) for one in left)
            work.observer.event(f"collector {number} {how}; {count} episodes are made again")

    def _give_up(self, request: EpisodeRequest, how: str, work: _Collection) -> None:
        """Records the episode that brought its collector down twice."""
        episode = failed_episode(
            request,
            scene="",
            behaviour_policy=request.policy_id or "demonstrator",
            error=f"EnvironmentFailure: its collector {how}",
        )
        work.parts.append(self._episodes.write([episode]))
        work.summaries.append(summary(episode))
        with about(episode=episode.episode_id, policy_version=episode.behaviour_policy):
            work.observer.event(f"episode {episode.episode_id} failed: {episode.error}")

    def _tell_errors(self, share: Share, work: _Collection) -> None:
        for made in share.written:
            if made.error is not None:
                with about(episode=made.episode_id, policy_version=made.behaviour_policy):
                    work.observer.event(f"episode {made.episode_id} failed: {made.error}")
