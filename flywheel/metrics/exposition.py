"""Exposition: values of the table's metrics as the text that Prometheus reads."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from prometheus_client import generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    SummaryMetricFamily,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from flywheel.metrics.distribution import Distribution
from flywheel.metrics.metric import Kind, Metric

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_FAMILIES: Mapping[Kind, Callable[..., Any]] = {
    Kind.COUNTER: CounterMetricFamily,
    Kind.GAUGE: GaugeMetricFamily,
    Kind.HISTOGRAM: HistogramMetricFamily,
    Kind.SUMMARY: SummaryMetricFamily,
}


class Samples:
    """The values of one scrape. Labels are given in the table's order."""

    def __init__(self) -> None:
        self._families: dict[str, Any] = {}

    def add(self, metric: Metric, value: float, *labels: str) -> None:
        """Of a counter or gauge."""
        self._family(metric).add_metric(labels, value)

    def distribute(self, metric: Metric, values: Distribution, *labels: str) -> None:
        """Of a histogram."""
        self._family(metric).add_metric(labels, values.buckets, values.total)

    def summarise(self, metric: Metric, *labels: str, count: float, total: float) -> None:
        """Of a summary."""
        self._family(metric).add_metric(labels, count, total)

    @property
    def text(self) -> str:
        """Prometheus's text format; texts of other metrics may follow."""
        return generate_latest(_Given(self._families.values())).decode()

    def _family(self, metric: Metric) -> Any:
        if metric.name not in self._families:
            self._families[metric.name] = _FAMILIES[metric.kind](metric.name, metric.help, labels=metric.labels)
        return self._families[metric.name]


class _Given(Collector):
    def __init__(self, families: Iterable[Family]) -> None:
        self._families = families

    def collect(self) -> Iterable[Family]:
        return self._families
