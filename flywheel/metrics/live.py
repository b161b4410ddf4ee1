"""LiveMetrics: what happens right now, in the process that turns the wheel. An Observer; it begins anew with it."""

from collections import Counter
from collections.abc import Callable, Mapping
from threading import Lock
from time import monotonic
from typing import Any

from flywheel.core.iteration import Stage
from flywheel.metrics import table
from flywheel.metrics.distribution import Distribution
from flywheel.metrics.exposition import Samples
from flywheel.metrics.metric import Metric
from flywheel.ports import CollectorCounts

LEARNED: Mapping[str, tuple[Metric, tuple[str, ...]]] = {
    "loss": (table.LOSS, ("total",)),
    "improvement_loss": (table.LOSS, ("improvement",)),
    "cloning_loss": (table.LOSS, ("cloning",)),
    "critic_loss": (table.LOSS, ("critic",)),
    "entropy": (table.POLICY_ENTROPY, ()),
    "entropy_limit": (table.POLICY_ENTROPY_LIMIT, ()),
    "effective_sample_size": (table.EFFECTIVE_SAMPLES, ()),
    "num_samples": (table.IMPROVEMENT_SAMPLES, ()),
    "q_data": (table.Q_VALUE, ()),
    "observed_return": (table.OBSERVED_RETURN, ()),
    "unobserved_discount": (table.UNOBSERVED_DISCOUNT, ()),
    "cross_attention_entropy": (table.ATTENTION_ENTROPY, ("cross",)),
    "latent_attention_entropy": (table.ATTENTION_ENTROPY, ("latent",)),
    "gradient_norm": (table.GRADIENT_NORM, ()),
}
"""Figure of a training -> metric and label values. Figures of other names are for other readers."""


class LiveMetrics:
    """Told by the loop's thread, by those who call the store and by those who tell webhooks; any thread may ask."""

    def __init__(
        self,
        *,
        collectors: Callable[[], CollectorCounts],
        spool_bytes: int,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """`spool_bytes`: room of one collector's spool."""
        self._collectors, self._spool_bytes, self._clock = collectors, spool_bytes, clock
        self._lock = Lock()
        self._stage: str | None = None
        self._share_done = 0.0
        self._num_updates, self._heard_at = 0, 0.0
        """Of the running training, and when that was said."""
        self._figures: dict[str, float] = {}
        """The newest of any training; they stay until another one has newer ones."""
        self._updates, self._update_s, self._data_wait_s = 0.0, 0.0, 0.0
        self._webhook_failures = 0
        self._calls: Counter[tuple[str, str]] = Counter()
        self._call_s: dict[str, Distribution] = {}

    def stage_started(self, iteration: int, stage: str) -> None:
        with self._lock:
            self._stage, self._share_done = str(stage), 0.0
            self._num_updates, self._heard_at = 0, self._clock()

    def progress(self, done: int, total: int, **figures: float) -> None:
        with self._lock:
            if total:
                self._share_done = done / total
            if self._stage == Stage.TRAIN:
                self._learn(done, figures)

    def stage_completed(self, iteration: int, stage: str, outcome: Mapping[str, Any]) -> None:
        with self._lock:
            self._stage = None

    def event(self, message: str) -> None:
        pass

    def store_called(self, operation: str, outcome: str, seconds: float) -> None:
        """A call to the store that is over."""
        with self._lock:
            self._calls[operation, outcome] += 1
            known = self._call_s.setdefault(operation, Distribution(bounds=table.STORE_DURATION.buckets))
            known.add(seconds)

    def webhook_failed(self) -> None:
        """An entry that a webhook will never be told of."""
        with self._lock:
            self._webhook_failures += 1

    def text(self) -> str:
        """Prometheus's text format."""
        samples = Samples()
        self._say_collectors(self._collectors(), samples)
        with self._lock:
            if self._stage in table.STAGES:
                samples.add(table.STAGE_PROGRESS, self._share_done, self._stage)
            self._say_learning(samples)
            samples.add(table.WEBHOOK_FAILURES, self._webhook_failures)
            for operation in table.OPERATIONS:
                for outcome in table.CALLS:
                    samples.add(table.STORE_REQUESTS, self._calls[operation, outcome], operation, outcome)
                if operation in self._call_s:
                    samples.distribute(table.STORE_DURATION, self._call_s[operation], operation)
        return samples.text

    def _learn(self, done: int, figures: Mapping[str, float]) -> None:
        """Counts the updates since the last report. The same report may come often, or one be passed over.

        A training that goes on from a checkpoint begins with more updates than were made since: their time says so.
        """
        now, made = self._clock(), done - self._num_updates
        if made <= 0:
            return
        update_s, wait_s = figures.get("update_s", 0.0), figures.get("data_wait_s", 0.0)
        if self._num_updates == 0 and update_s > 0.0:
            made = min(made, int((now - self._heard_at) / (update_s + wait_s)))
        self._num_updates, self._heard_at = done, now
        self._figures |= {name: value for name, value in figures.items() if name in LEARNED}
        self._updates += made
        self._update_s += made * update_s
        self._data_wait_s += made * wait_s

    def _say_learning(self, samples: Samples) -> None:
        samples.add(table.UPDATES, self._updates)
        samples.summarise(table.UPDATE_DURATION, count=self._updates, total=self._update_s)
        samples.add(table.DATA_WAIT, self._data_wait_s)
        for name, (metric, labels) in LEARNED.items():
            if name in self._figures:
                samples.add(metric, self._figures[name], *labels)

    def _say_collectors(self, counts: CollectorCounts, samples: Samples) -> None:
        samples.add(table.COLLECTORS, counts.alive)
        samples.add(table.COLLECTORS_LOST, counts.lost)
        samples.add(table.EPISODE_DECISIONS, counts.num_decisions)
        samples.add(table.SPOOL_PARTS, sum(some.num_parts for some in counts.spooled))
        samples.add(table.SPOOL_BYTES, sum(some.num_bytes for some in counts.spooled))
        samples.add(table.SPOOL_LIMIT, counts.alive * self._spool_bytes)
        samples.add(table.COLLECTING_PAUSED, sum(some.is_full for some in counts.spooled))
