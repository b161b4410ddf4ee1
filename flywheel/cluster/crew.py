"""Crew: collectors as actors. They come when Ray has places for them, and may be gone at any time."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from threading import Event
from time import monotonic
from typing import Any

import ray
import torch
from ray.exceptions import RayActorError

from flywheel.cluster import nodes
from flywheel.cluster.deaths import reason
from flywheel.cluster.shares import Pending
from flywheel.core.behaviour import Behaviour
from flywheel.core.episode import EpisodeRequest, EpisodeSummary
from flywheel.core.errors import EnvironmentFailure
from flywheel.logs import output
from flywheel.ports import Notice, Observer, Part
from flywheel.workers.collecting import Collector

START_ATTEMPTS = 3
"""A collector that dies whenever it starts is given up, until the next call."""
ASIDE = "aside"
"""The group of methods that are answered while a collector collects."""
PATIENCE_S = 30.0
"""Those that have no place by then are told of: the others go on."""
START_TIMEOUT_S = 900.0
"""If by then there is none at all, there will be none: a machine that is bought and loads the image takes minutes."""


class _Collector:
    """The plain collector inside an actor."""

    def __init__(self, make: Callable[[], Collector]) -> None:
        output.start("collector")
        torch.set_num_threads(1)
        self._collector = make()
        self._pending = Pending()
        self._stopping = Event()

    def collect(
        self, requests: Sequence[EpisodeRequest], behaviour: Behaviour
    ) -> Iterator[EpisodeSummary | Part | Notice]:
        self._stopping.clear()
        self._pending = Pending(requests)
        # A generator of its own: Ray sends values into this one, which must not reach what the collector yields from.
        yield from (made for made in self._collector.collect(self._pending, behaviour, stopping=self._stopping.is_set))

    def node(self) -> str:
        """The node's id. It is answered once the collector can collect."""
        node: str = ray.get_runtime_context().get_node_id()
        return node

    @ray.method(concurrency_group=ASIDE)
    def give_back(self) -> list[EpisodeRequest]:
        """Some of the requests that are not begun; they are no longer this collector's."""
        return self._pending.give_back()

    @ray.method(concurrency_group=ASIDE)
    def stop(self) -> None:
        """What is being collected ends with the next episode."""
        self._stopping.set()


@dataclass(frozen=True, kw_only=True)
class Member:
    """A collector that is ready."""

    actor: Any
    node: str
    """Its id."""


@dataclass(frozen=True, kw_only=True)
class _Starting:
    actor: Any
    number: int


class Crew:
    """As many collectors as are wanted and there are places for. They stay until they are dismissed."""

    def __init__(self, *, collector: Callable[[], Collector], num_cpus: float) -> None:
        """`collector` is called in each actor; `num_cpus` are the places that one takes."""
        self._make = collector
        dress: Any = ray.remote  # Ray's own types do not know of groups.
        options = {"num_cpus": num_cpus, "concurrency_groups": {ASIDE: 1}, "scheduling_strategy": "SPREAD"}
        self._actor_class = dress(**options)(_Collector)
        self.ready: dict[int, Member] = {}
        """By number."""
        self.num_lost = 0
        self._starting: dict[Any, _Starting] = {}
        """By the reference that says when they are ready."""
        self._deaths: dict[int, list[RayActorError]] = {}
        """By number: how the attempts to start it ended."""
        self._missed: set[int] = set()
        """Numbers of those that a person knows to be missing."""
        self._alone_since = self._waiting_since = monotonic()

    @property
    def starting(self) -> list[Any]:
        """References, one of which is there when there is something to `muster`."""
        return list(self._starting)

    def begin(self) -> None:
        """Before it is summoned for something else: who is still there answers, who failed to start may try again."""
        self._deaths, self._missed = {}, set()
        self._alone_since = self._waiting_since = monotonic()
        for number, member in self.ready.items():
            self._starting[member.actor.node.remote()] = _Starting(actor=member.actor, number=number)
        self.ready = {}

    def summon(self, num_wanted: int) -> None:
        """Asks for those that are missing; returns at once."""
        if not self._starting:
            self._waiting_since = monotonic()
        coming = {one.number for one in self._starting.values()}
        for number in range(num_wanted):
            if number not in self.ready and number not in coming and not self._is_given_up(number):
                where = nodes.for_role(nodes.ROLLOUT)
                actor = self._actor_class.options(label_selector=where).remote(self._make)
                self._starting[actor.node.remote()] = _Starting(actor=actor, number=number)

    def muster(self, observer: Observer) -> None:
        """Takes in those that are ready now. EnvironmentFailure: there is none, and there will be none."""
        if self._starting:
            arrived, _ = ray.wait(list(self._starting), num_returns=len(self._starting), timeout=0)
            for reference in arrived:
                self._take_in(reference, self._starting.pop(reference), observer)
        if self.ready:
            self._alone_since = monotonic()
        else:
            self._check_hope()
        self._tell_who_is_missing(observer)

    def lose(self, number: int) -> None:
        """One that died, or has to: it is missing from now on."""
        self._missed.add(number)
        ray.kill(self.ready.pop(number).actor)
        self.num_lost += 1

    def dismiss(self) -> None:
        """Ends all of them."""
        starting, ready = self._starting.values(), self.ready.values()
        for actor in (*(one.actor for one in starting), *(member.actor for member in ready)):
            ray.kill(actor)
        self._starting, self.ready = {}, {}

    def _take_in(self, reference: Any, one: _Starting, observer: Observer) -> None:
        try:
            member = Member(actor=one.actor, node=ray.get(reference))
        except RayActorError as failure:
            self.num_lost += 1
            self._deaths.setdefault(one.number, []).append(failure)
            if self._is_given_up(one.number):
                observer.event(f"collector {one.number} does not start: {reason(failure)}")
            return
        self.ready[one.number] = member
        if one.number in self._missed:
            self._missed.remove(one.number)
            address = nodes.addresses().get(member.node, "a machine that is gone already")
            observer.event(f"collector {one.number} is at work, on {address}")

    def _tell_who_is_missing(self, observer: Observer) -> None:
        coming = {one.number for one in self._starting.values()}
        if coming - self._missed and monotonic() - self._waiting_since > PATIENCE_S:
            self._missed |= coming
            rest = f"{len(self.ready)} go on" if self.ready else "collecting waits"
            observer.event(f"{len(coming)} collectors have no place in Ray yet: {rest}")

    def _is_given_up(self, number: int) -> bool:
        return len(self._deaths.get(number, ())) >= START_ATTEMPTS

    def _check_hope(self) -> None:
        if self._deaths and not self._starting and all(map(self._is_given_up, self._deaths)):
            failure = next(iter(self._deaths.values()))[-1]
            raise EnvironmentFailure(f"a collector does not start: {failure}") from failure
        if monotonic() - self._alone_since > START_TIMEOUT_S:
            raise EnvironmentFailure(
                f"no collector started within {START_TIMEOUT_S:.0f} s: has Ray a free CPU on a node "
                f"whose label {nodes.ROLE} is {nodes.ROLLOUT} or absent?"
            )
