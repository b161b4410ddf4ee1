"""The supervisor of the service: the Ray actor that turns what was asked for. It may die at any time."""

import json
import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from hashlib import sha256
from threading import Thread
from time import sleep
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util import list_named_actors

from flywheel import loop, wiring
from flywheel.cluster import nodes
from flywheel.config import Config, Overrides, overridden, parse
from flywheel.core.control import IterationStatus
from flywheel.core.errors import FlywheelError
from flywheel.core.iteration import Iteration
from flywheel.hosting.duties import deliveries_of, endpoint_of, ticks_of
from flywheel.journal import Progress
from flywheel.journey import incomplete
from flywheel.logs import output
from flywheel.logs.about import about
from flywheel.mending import mend
from flywheel.metrics.live import LiveMetrics
from flywheel.narration import Narration
from flywheel.observers import Observers
from flywheel.ports import Ports
from flywheel.presence import StoredPresence
from flywheel.service.driver import SUPERVISOR, Driver
from flywheel.service.hearing import Hearing
from flywheel.service.pedal import Pedal
from flywheel.store.calls import hear
from flywheel.store.follower import Follower
from flywheel.store.writer import this_process
from flywheel.workshop import Workshop

NAME, NAMESPACE = "flywheel-supervisor", "flywheel"
DIGITS = 12
"""Of the arguments' digest in the name."""
TICK_S = 1.0
HARD_STOP_S = 7.0
"""What does not stop within this after it was told to is ended together with this process, which Ray starts again."""

DISMISSAL_S = 5.0
"""When the service ends: for what is turned to stop, and for webhooks' attempts that are under way."""

log = logging.getLogger(__name__)


class _Turning:
    """`service.driver.Turning` on Ray: the parts are made at the first use and stay."""

    def __init__(self, *, config: Config, store: str, ports: Ports, narration: Narration) -> None:
        self._config, self._store, self._ports, self._narration = config, store, ports, narration
        self._lost: set[int] = set()
        """Iterations of whose records one stays lost: said once."""

    def turn(self, status: IterationStatus) -> Iteration:
        with self._narration.turning(status.number):
            return loop.carry_on(status.number, self._ports_of(status))

    def mend(self) -> None:
        for status in incomplete(self._ports.chronicle.control(), self._ports.records):
            if status.number not in self._lost and not mend(status, self._ports_of(status)):
                self._lost.add(status.number)

    def rest(self) -> None:
        self._ports.rest()

    def _ports_of(self, status: IterationStatus) -> Ports:
        """With the plan of its own settings."""
        overrides = Overrides.model_validate(status.overrides)
        config = overridden(self._config, overrides, origin=f"iteration {status.number}")
        return replace(self._ports, plan=Workshop(config=config, store=self._store).plan())


class ServiceSupervisor:
    """Threads: one that turns, one that looks after campaigns, schedules and the endpoint, and those who ask."""

    def __init__(self, *, args: Mapping[str, Any]) -> None:
        """`args`: of the API's application, as Serve was given them."""
        output.start("supervisor")
        config, store = parse(args["config"], origin="serve config"), args["store"]
        self._parts = ExitStack()
        workshop = Workshop(config=config, store=store)
        self._chronicle = workshop.chronicle()
        self._follower = self._parts.enter_context(Follower(chronicle=self._chronicle))
        owner = str(this_process())
        self._pedal = Pedal(
            control=lambda: self._follower.control,
            stage_timeout_s=config.control.stage_timeout_hours * 3600,
            owner=owner,
        )
        self._hearing = Hearing(started=self._pedal.stage_started)
        self._narration = self._parts.enter_context(Narration(store=store, others=self._hearing))
        endpoint = endpoint_of(config, store, args)
        ports = self._parts.enter_context(
            wiring.on_ray(config, store, self._narration.observer, brake=self._pedal, endpoint=endpoint, by=SUPERVISOR)
        )
        self._live = LiveMetrics(collectors=ports.collectors.counts, spool_bytes=config.storage.spool_bytes)
        hear(self._live.store_called)
        ports = replace(ports, observer=Observers(observers=[self._narration.observer, self._live]))
        self._driver = Driver(
            chronicle=self._chronicle,
            turning=_Turning(config=config, store=store, ports=ports, narration=self._narration),
            pedal=self._pedal,
            presence=StoredPresence(objects=workshop.objects, owner=owner),
            owner=owner,
        )
        self._driving = Thread(target=self._driver.drive, name="driver", daemon=True)
        self._ticks = ticks_of(workshop, self._chronicle, endpoint, owner=owner)
        self._deliveries = deliveries_of(workshop, self._chronicle, self._live.webhook_failed)
        self._deliveries.start()
        self._driving.start()
        for name, work in {"ticks": self._tick, "hard-stop": self._end_what_hangs}.items():
            Thread(target=work, name=name, daemon=True).start()

    def progress(self) -> Progress | None:
        """Of the stage that runs."""
        return self._hearing.now

    def metrics(self) -> str:
        """What this process counts, in Prometheus's text format."""
        return self._live.text()

    def nudge(self) -> None:
        """There may be something to do."""
        self._driver.nudge()

    def stop(self) -> None:
        """Begins nothing more, leaves what is turned to who comes next, and records how webhooks' attempts ended."""
        self._driver.stop()
        self._deliveries.stop(DISMISSAL_S)
        self._driving.join(DISMISSAL_S)

    def _tick(self) -> None:
        while True:
            for tick in self._ticks:
                try:
                    tick()
                except FlywheelError as failure:
                    log.warning("%s", failure)
                except Exception:
                    log.exception("in a tick")
            sleep(TICK_S)

    def _end_what_hangs(self) -> None:
        """Nothing that this process started outlives it, and the one that follows finds out where to go on."""
        while self._pedal.pulled_for_s < HARD_STOP_S:
            sleep(TICK_S / 4)
        with about(**({} if (progress := self._hearing.now) is None else {"iteration": progress.iteration})):
            log.error("what was told to stop did not within %g s: this supervisor ends", HARD_STOP_S)
        try:
            self._narration.settle()
            self._deliveries.stop(TICK_S)
        finally:
            os._exit(1)


def ensure(args: Mapping[str, Any]) -> Any:
    """The supervisor of these arguments on this Ray, started by whoever asks first.

    It outlives them, and Ray starts it again. One of other arguments ends: what it turned goes on under these.
    """
    name = f"{NAME}-{sha256(json.dumps(args, sort_keys=True).encode()).hexdigest()[:DIGITS]}"
    for other in _supervisors():
        if other != name:
            _stop(other)
            with suppress(ValueError):
                ray.kill(ray.get_actor(other, namespace=NAMESPACE))
    return (
        ray.remote(ServiceSupervisor)
        .options(
            name=name,
            namespace=NAMESPACE,
            lifetime="detached",
            get_if_exists=True,
            num_cpus=0,
            resources=nodes.ON_HEAD,  # where Serve always answers
            max_restarts=-1,
            max_concurrency=16,
        )
        .remote(args=args)
    )


def dismiss() -> None:
    """Before Ray ends: what the supervisor turns is left to another, and what it has under way outside is recorded.

    Nobody may be there.
    """
    for name in _supervisors():
        _stop(name)


def _supervisors() -> Sequence[str]:
    """Names. There is one, but for moments in which the settings change."""
    known = list_named_actors(all_namespaces=True)
    return [one["name"] for one in known if one["namespace"] == NAMESPACE and one["name"].startswith(NAME)]


def _stop(name: str) -> None:
    with suppress(ValueError, RayError):
        ray.get(ray.get_actor(name, namespace=NAMESPACE).stop.remote(), timeout=3 * DISMISSAL_S)
