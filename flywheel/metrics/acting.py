"""What the policy endpoint's replicas count. Each counts in a folder of its machine, where all are added up.

Numbers of processes that died stay in the sums, so that no counter ever falls; what they had at the moment goes.
"""

import fcntl
import os
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, values
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from flywheel.core.errors import FlywheelError
from flywheel.metrics import table
from flywheel.metrics.metric import Metric as Row

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Environment variable, which has to be there when prometheus_client is imported."""


def open_meter() -> "ActingMeter":
    """Of this process, in the folder that its environment names. FlywheelError: it names none."""
    if not getattr(values.ValueClass, "_multiprocess", False):
        raise FlywheelError(f"{FOLDER} was not set when this process began: the replicas' numbers would not add up")
    folder = Path(os.environ[FOLDER])
    folder.mkdir(parents=True, exist_ok=True)
    return ActingMeter(folder)


class ActingMeter:
    """`cluster.meter.Meter`; one per process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        _lock_of(folder, os.getpid(), wait=True)  # As long as this process lives, however it ends.
        _drop_gauges(folder, os.getpid())  # Of a process that died and had the same id.
        self._durations = _histogram(table.ACT_DURATION)
        self._ages = _histogram(table.ACT_AGE)
        self._sizes = _histogram(table.ACT_BATCH)
        self._missed = _counter(table.DEADLINE_MISSED)
        requests = _counter(table.ACT_REQUESTS)
        self._requests = {outcome: requests.labels(outcome) for outcome in table.ANSWERS}
        swaps = _counter(table.ENDPOINT_SWAPS)
        self._swaps = {outcome: swaps.labels(outcome) for outcome in table.SWAPS}
        self._sessions = _gauge(table.ACT_SESSIONS, "livesum")
        self._info = _gauge(table.ENDPOINT_POLICY_INFO, "livemax")
        self._version: str | None = None
        self.sessions(live=0, earlier=0)

    def acted(self, *, duration_s: float, batch_size: int, age_s: float | None) -> None:
        self._requests["ok"].inc()
        self._durations.observe(duration_s)
        self._sizes.observe(batch_size)
        if age_s is not None:
            self._ages.observe(age_s)

    def missed(self, *, duration_s: float) -> None:
        self._requests["late"].inc()
        self._missed.inc()
        self._durations.observe(duration_s)

    def turned_away(self, ending: str) -> None:
        self._requests[ending].inc()

    def serves(self, policy_version: str) -> None:
        if self._version is not None:
            self._info.labels(self._version).set(0)
        self._info.labels(policy_version).set(1)
        self._version = policy_version
        self._swaps["ok"].inc()

    def refused(self) -> None:
        self._swaps["refused"].inc()

    def sessions(self, *, live: int, earlier: int) -> None:
        self._sessions.labels("live").set(live)
        self._sessions.labels("earlier").set(earlier)

    def exposition(self) -> bytes:
        """Of all processes of this machine."""
        for path in self._folder.glob("life_*"):
            pid = int(path.name.removeprefix("life_"))
            if (lock := _lock_of(self._folder, pid, wait=False)) is not None:
                _drop_gauges(self._folder, pid)
                os.close(lock)
        registry = CollectorRegistry()
        registry.register(_Present(str(self._folder)))
        return generate_latest(registry)


class _Present(Collector):
    """What the folder says, without versions that answer no more: prometheus_client cannot remove their files' rows."""

    def __init__(self, folder: str) -> None:
        self._counted = MultiProcessCollector(None, folder)  # type: ignore[no-untyped-call]

    def collect(self) -> Iterable[Metric]:
        for metric in self._counted.collect():  # type: ignore[no-untyped-call]
            if metric.name == table.ENDPOINT_POLICY_INFO.name:
                metric.samples = [sample for sample in metric.samples if sample.value]
            yield metric


def _lock_of(folder: Path, pid: int, *, wait: bool) -> int | None:
    """An open file. None: the process lives. Process ids come again; locks go with whoever held them."""
    file = os.open(folder / f"life_{pid}", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(file)
        return None
    return file


def _drop_gauges(folder: Path, pid: int) -> None:
    for path in folder.glob(f"gauge_live*_{pid}.db"):
        path.unlink(missing_ok=True)


def _counter(row: Row) -> Counter:
    return Counter(row.name, row.help, row.labels, registry=None)


def _gauge(row: Row, mode: str) -> Gauge:
    return Gauge(row.name, row.help, row.labels, registry=None, multiprocess_mode=mode)  # type: ignore[arg-type]


def _histogram(row: Row) -> Histogram:
    return Histogram(row.name, row.help, row.labels, registry=None, buckets=row.buckets)
