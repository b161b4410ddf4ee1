"""Which of the table's metrics an expression of PromQL names."""

import re

from flywheel.metrics.metric import Kind
from flywheel.metrics.table import TABLE

_PARTS = {Kind.HISTOGRAM: ("_bucket", "_sum", "_count"), Kind.SUMMARY: ("_sum", "_count")}
_KNOWN = {metric.name + part: metric.name for metric in TABLE for part in _PARTS.get(metric.kind, ("",))}


def named(expr: str) -> set[str]:
    """Names as the table has them. KeyError: it has no such metric, or not that part of it."""
    return {_KNOWN[name] for name in re.findall(r"\bflywheel_\w+", expr)}
