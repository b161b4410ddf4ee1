import re

from flywheel.metrics.metric import ANY, Kind, Metric
from flywheel.metrics.table import CALLS, OPERATIONS, TABLE
from flywheel.store.calls import CallOutcome, Operation

BOUNDED = {
    *("task", "stage", "outcome", "status", "source", "table", "decision", "cause"),
    *("operation", "state", "part", "kind"),
}
UNITS = {"seconds", "bytes", "ratio", "nats"}


def test_every_metric_is_named_once_and_as_prometheus_wants_it():
    names = [metric.name for metric in TABLE]
    assert len(set(names)) == len(names) > 50
    for metric in TABLE:
        assert re.fullmatch(r"flywheel(_[a-z]+)+", metric.name)
        assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
        assert metric.help
        assert not metric.help.endswith(".")


def test_a_unit_is_in_the_name_and_a_base_unit():
    for metric in TABLE:
        assert metric.unit in UNITS | {""}
        if metric.unit:
            bare = re.sub("_(total|lower|upper)$", "", metric.name)
            assert bare.endswith(f"_{metric.unit}"), metric.name


def test_labels_are_bounded():
    for metric in TABLE:
        for label, values in metric.values.items():
            if values is ANY:
                assert label == "task" or (label in ("version", "policy_version") and metric.name.endswith("_info"))
            else:
                assert label in BOUNDED
                assert len(set(values)) == len(values) > 1


def test_histograms_have_rising_buckets_and_nothing_else_has_any():
    for metric in TABLE:
        assert list(metric.buckets) == sorted(set(metric.buckets))
        assert bool(metric.buckets) == (metric.kind is Kind.HISTOGRAM)


def test_the_store_is_told_of_in_the_tables_words():
    assert tuple(map(str, Operation)) == OPERATIONS
    assert tuple(map(str, CallOutcome)) == CALLS


def test_labels_are_in_the_order_of_their_values():
    metric = Metric(name="a", kind=Kind.GAUGE, where=TABLE[0].where, help="b", values={"d": ANY, "c": ("e",)})
    assert metric.labels == ("d", "c")
