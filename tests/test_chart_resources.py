"""What the chart's pods ask for is what was measured: values, docs/sizing.md and the benchmark's result agree."""

import json
import re
from collections.abc import Mapping
from itertools import takewhile
from math import ceil
from typing import Any

import pytest
from charts import CHART, Manifest, case, given, only, pods, served

from flywheel.config import parse

ROOT = CHART.parent.parent
MINIMAL, EXISTING, EVERYTHING = "minimal-values.yaml", "existing-ray-values.yaml", "everything-values.yaml"
GROUPS = ("head", "serve", "rollout", "train")
AIR, REQUEST_STEP_MIB, LIMIT_STEP_MIB = 1.25, 64, 256
UNITS: Mapping[str, float] = {"m": 1e-3, "": 1, "k": 1e3, "M": 1e6, "G": 1e9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
MIB = 2**20


def amount(quantity: str) -> float:
    """What Kubernetes takes the text for."""
    found = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", str(quantity))
    assert found is not None, quantity
    return float(found[1]) * UNITS[found[2]]


def told() -> dict[str, dict[str, float]]:
    """The rows of the table: MiB."""
    text = (ROOT / "docs" / "sizing.md").read_text(encoding="utf-8")
    section = text.partition("## Pods of the chart\n")[2]
    lines = takewhile(lambda line: line.startswith("|"), section[section.index("|") :].splitlines())
    names, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {
        row[0]: {name: float(cell.replace(",", "")) for name, cell in zip(names[1:], row[1:], strict=True)}
        for row in rows
    }


def asked() -> dict[str, Manifest]:
    """The resources of every pod of the chart, by what the table calls it."""
    found = {}
    for manifests in (case(EVERYTHING), case(EXISTING)):
        for pod in pods(manifests).values():
            (container,) = pod["spec"]["containers"]
            found[pod["metadata"]["labels"]["app.kubernetes.io/component"]] = container["resources"]
    return found


def test_the_table_has_every_pod_of_the_chart():
    assert told().keys() == asked().keys()


@pytest.mark.parametrize("name", told())
def test_a_pod_asks_for_what_was_measured_and_a_quarter_and_may_take_what_grows(name: str):
    row, resources = told()[name], asked()[name]
    request = ceil(row["most"] * AIR / REQUEST_STEP_MIB) * REQUEST_STEP_MIB
    limit = ceil((request + row["may be added"]) / LIMIT_STEP_MIB) * LIMIT_STEP_MIB
    assert (row["request"], row["limit"]) == (request, limit)
    assert amount(resources["requests"]["memory"]) == request * MIB
    assert amount(resources["limits"]["memory"]) == limit * MIB


def test_the_table_says_what_the_benchmark_measured():
    measured: dict[str, Any] = json.loads((ROOT / "benchmarks/results/pods.json").read_text(encoding="utf-8"))["pods"]
    rows = told()
    assert {name: rows[name]["most"] for name in measured} == {name: one["most_mib"] for name, one in measured.items()}


def test_what_training_may_hold_fits_where_it_is_done():
    (application,) = served(case(MINIMAL))["applications"]
    loop = parse(application["args"]["config"], origin="the chart")
    assert told()["train"]["may be added"] * MIB >= loop.train.memory_bytes


@pytest.mark.parametrize("size", ["512Mi", "1.5Gi", "2G", "1073741824"])
def test_the_object_store_fits_into_the_shared_memory_of_its_pod(size: str):
    cluster = only(given(MINIMAL, {"ray.shmSize": size}), "RayService")["spec"]["rayClusterConfig"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        (shm,) = [one["emptyDir"] for one in group["template"]["spec"]["volumes"] if one["name"] == "shm"]
        assert shm == {"medium": "Memory", "sizeLimit": size}
        assert 0.8 < int(group["rayStartParams"]["object-store-memory"]) / amount(size) < 0.95


def test_all_of_a_pods_shared_memory_is_within_its_limit():
    (shm,) = {
        one["emptyDir"]["sizeLimit"]
        for pod in pods(case(MINIMAL)).values()
        for one in pod["spec"]["volumes"]
        if one["name"] == "shm"
    }
    assert all(told()[group]["may be added"] >= amount(shm) / MIB for group in GROUPS)
