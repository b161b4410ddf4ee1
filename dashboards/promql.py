"""PromQL over the table's metrics.

Every process of the API, and every proxy before it, tells the same of the store and of the supervisor: the greatest of
these numbers is the number, and their sum would count it as often as there are processes. Replicas of the policy
endpoint each count what they did: their numbers add up.
"""

from flywheel.metrics.metric import Metric, Where

WINDOW = "$__rate_interval"


def series(metric: Metric, *, part: str = "", **labels: str) -> str:
    """A selector. `part`: of a histogram or summary. A value with `|` is any of several.

    ValueError: the metric has no such label, or not that value.
    """
    for label, value in labels.items():
        allowed = metric.values.get(label)
        if allowed is None or (allowed and not set(value.split("|")) <= set(allowed)):
            raise ValueError(f"{metric.name} has no {label}={value}; it has {dict(metric.values)}")
    matchers = ['flywheel="$flywheel"', *(f'{label}{_match(value)}"{value}"' for label, value in labels.items())]
    return f"{metric.name}{part}{{{','.join(matchers)}}}"


def now(metric: Metric, *by: str, part: str = "", **labels: str) -> str:
    """The newest values, one for each combination of the labels `by`."""
    return _folded(metric, series(metric, part=part, **labels), by)


def per_second(metric: Metric, *by: str, part: str = "", **labels: str) -> str:
    """How fast a counter rises."""
    return _folded(metric, f"rate({series(metric, part=part, **labels)}[{WINDOW}])", by)


def mean(metric: Metric, *by: str) -> str:
    """Of what a histogram or summary observed lately."""
    return f"{per_second(metric, *by, part='_sum')} / {per_second(metric, *by, part='_count')}"


def mean_ever(metric: Metric, *by: str) -> str:
    """Of everything that a histogram or summary observed."""
    return f"{now(metric, *by, part='_sum')} / ({now(metric, *by, part='_count')} > 0)"


def quantile(q: float, metric: Metric, *by: str) -> str:
    """Of what a histogram observed lately."""
    return f"histogram_quantile({q:g}, {per_second(metric, *by, 'le', part='_bucket')})"


def since(metric: Metric, *by: str, **labels: str) -> str:
    """Seconds since the time that a gauge holds."""
    return f"time() - {now(metric, *by, **labels)}"


def _match(value: str) -> str:
    return "=~" if "|" in value or value.startswith("$") else "="


def _folded(metric: Metric, expr: str, by: tuple[str, ...]) -> str:
    fold = "sum" if metric.where is Where.ACT else "max"
    return f"{fold} by ({', '.join(by)}) ({expr})" if by else f"{fold}({expr})"
