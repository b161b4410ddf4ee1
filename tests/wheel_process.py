"""A service without Ray in a process of its own: what turns, what campaigns ask for, and what an endpoint follows.

    python wheel_process.py SETTINGS STORE HOLD

SETTINGS are JSON. It says in lines of JSON what happens, and holds where HOLD says, `<iteration>/<stage>/<done>`, until
it is told to leave, by SIGTERM, or a line of its input says to go on.
"""

import json
import os
import signal
import sys
from collections.abc import Mapping
from threading import Event, Thread
from typing import Any

from flywheel import loop
from flywheel.config import parse
from flywheel.core.code_version import CODE_VERSION
from flywheel.core.contract import contract_digest
from flywheel.core.control import IterationStatus
from flywheel.core.iteration import Iteration
from flywheel.local import LocalCollectors, LocalEndpoint, LocalRelabeler, LocalTrainer, StoredPolicies
from flywheel.ports import Chronicle, Ports
from flywheel.presence import StoredPresence
from flywheel.service.campaigns import Campaigns
from flywheel.service.driver import SUPERVISOR, Driver
from flywheel.service.pedal import Pedal
from flywheel.service.steering import Steering
from flywheel.store.chronicle import utc_now
from flywheel.store.writer import this_process
from flywheel.workers.training import Place
from flywheel.workshop import Workshop

STDOUT = 1
TICK_S = 0.05
BEAT_S, GONE_AFTER_S = 0.2, 2.0
OWNER = str(this_process())


def say(**what: Any) -> None:
    os.write(STDOUT, f"{json.dumps(what)}\n".encode())  # In one go: several threads say something.


class Holding:
    """`ports.Observer` that says what happens, and holds the process once."""

    def __init__(self, hold: str) -> None:
        self._hold, self._at = hold, ""
        self.released = Event()

    def stage_started(self, iteration: int, stage: str) -> None:
        self._at = f"{iteration}/{stage}"
        say(begins=self._at)

    def progress(self, done: int, total: int, **figures: float) -> None:
        if f"{self._at}/{done}" == self._hold and not self.released.is_set():
            say(holds=self._hold)
            self.released.wait()

    def stage_completed(self, iteration: int, stage: str, outcome: Mapping[str, Any]) -> None:
        say(completed=f"{iteration}/{stage}")

    def event(self, message: str) -> None:
        say(event=message)


class Looking(StoredPresence):
    """Says whom it saw."""

    def lives(self, owner: str) -> bool:
        found = super().lives(owner)
        say(sees=owner, lives=found)
        return found


class Serving(LocalEndpoint):
    """Says what it serves."""

    def deploy(self, policy_id: str) -> None:
        super().deploy(policy_id)
        say(serves=policy_id)


class Turning:
    """`service.driver.Turning` in this process."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    def turn(self, status: IterationStatus) -> Iteration:
        return loop.carry_on(status.number, self._ports)

    def mend(self) -> None:
        """Nothing is lost here."""

    def rest(self) -> None:
        say(rests=True)


def ports_of(workshop: Workshop, chronicle: Chronicle, endpoint: Serving, observer: Holding, pedal: Pedal) -> Ports:
    """As `wiring.local` makes them, which would import all that a service on Ray needs."""
    return Ports(
        plan=workshop.plan(),
        contract=lambda: contract_digest(workshop.contract),
        records=workshop.records,
        chronicle=chronicle,
        episodes=workshop.episodes,
        labels=workshop.labels,
        policies=workshop.policies,
        collectors=LocalCollectors(collector=workshop.collector, brake=pedal),
        relabeler=LocalRelabeler(relabel=workshop.relabel),
        trainer=LocalTrainer(run=lambda request: workshop.training_run(request, Place())),
        endpoint=endpoint,
        reference=StoredPolicies(policies=workshop.policies),
        observer=observer,
        brake=pedal,
        by=SUPERVISOR,
        owner=OWNER,
    )


def main() -> None:
    settings, store, hold = sys.argv[1:]
    workshop = Workshop(config=parse(json.loads(settings), origin="wheel"), store=store)
    chronicle, endpoint = workshop.chronicle(), Serving(policies=workshop.policies)
    observer, over = Holding(hold), Event()
    pedal = Pedal(control=chronicle.control, stage_timeout_s=3600.0, owner=OWNER)
    ports = ports_of(workshop, chronicle, endpoint, observer, pedal)
    presence = Looking(objects=workshop.objects, owner=OWNER, beat_s=BEAT_S, gone_after_s=GONE_AFTER_S)
    driver = Driver(chronicle=chronicle, turning=Turning(ports), pedal=pedal, presence=presence, owner=OWNER)
    ticks = (
        Campaigns(chronicle=chronicle, records=workshop.records, now=utc_now, max_queued=8).tick,
        Steering(chronicle=chronicle, endpoint=endpoint, by=SUPERVISOR, owner=OWNER).tick,
    )
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    driving = Thread(target=driver.drive)
    driving.start()
    say(ready=CODE_VERSION, owner=OWNER)
    Thread(target=lambda: (sys.stdin.readline(), observer.released.set()), daemon=True).start()
    while not over.wait(TICK_S):
        for tick in ticks:
            tick()
    driver.stop()
    observer.released.set()
    driving.join()
    say(left=True)


if __name__ == "__main__":
    main()
