"""The service as Prometheus and Grafana see it: every expression of every dashboard, annotation and rule is asked."""

import math
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from faults import write_config
from scraping import ROOT, Prometheus, as_grafana, configured, needs_prometheus, prometheus, wait_for
from small import NAME, TASKS, small_settings

from dashboards.build import DASHBOARDS
from dashboards.frame import ANNOTATIONS, VARIABLES
from dashboards.panels import Panel, View
from flywheel import services
from flywheel.client import Flywheel
from flywheel.core.control import IterationState
from flywheel.services import Service

pytestmark = [pytest.mark.timeout(900), needs_prometheus]

FLYWHEEL = [sys.executable, "-m", "flywheel.cli"]
ITERATION_S = 600.0
NOT_HERE = {
    "ray_node_gram_used": "needs a GPU",
    "ray_node_gram_available": "needs a GPU",
    "ray_node_manager_unexpected_worker_failure_total": "nothing died",
    "ray_serve_num_http_error_requests_total": "nothing was refused",
}
"""Ray's metrics that a well service on this machine does not export."""


@dataclass(frozen=True, kw_only=True)
class Watched:
    """A Prometheus that saw one iteration from its beginning to its end."""

    server: Prometheus
    began: float

    def shown(self, panel: Panel, expr: str) -> list[float]:
        """Numbers that the panel shows; of a panel over time, since the iteration began."""
        if panel.view in (View.NUMBER, View.NAME, View.BAR):
            return [float(series["value"][1]) for series in self.server.instant(expr)]
        return [float(value) for series in self.over_time(expr) for _, value in series["values"]]

    def over_time(self, expr: str) -> list[dict[str, Any]]:
        return self.server.over_time(expr, start=self.began, end=time.time())


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("monitored")
    write_config(folder, small_settings(control={"port": 0}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder / "state"))
        subprocess.run([*FLYWHEEL, "up", "given.yaml", "--store", "store"], cwd=folder, check=True)
        up = services.read(NAME)
        assert up is not None
        yield up
        subprocess.run([*FLYWHEEL, "down", NAME], cwd=folder, check=True)


@pytest.fixture(scope="module")
def watched(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with prometheus(configured(tmp_path_factory.mktemp("prometheus"), service.targets_file)) as server:
        began = time.time()
        with Flywheel(service.url, Path(service.token_file).read_text().strip()) as client:
            ended = client.iterations.wait(client.iterations.create().number, timeout_s=ITERATION_S)
            assert ended.state is IterationState.SUCCEEDED
        wait_for(lambda: server.instant('flywheel_iterations_total{outcome="succeeded"} == 1'), "the end is scraped")
        wait_for(lambda: server.instant('up{job="flywheel-endpoint"} == 1'), "the endpoint is scraped")
        yield Watched(server=server, began=began)


def expressions(panel: Panel) -> list[str]:
    """As Grafana sends them; of a panel that is repeated, for each task."""
    tasks = TASKS if panel.of_each_task else ("",)
    return [as_grafana(query.expr, flywheel=NAME, task=task) for query in panel.queries for task in tasks]


PANELS = [
    pytest.param(panel, id=f"{page.uid.removeprefix('flywheel-')}: {panel.title}")
    for page in DASHBOARDS
    for panel in page.panels
]


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_is_understood_and_filled(watched: Watched, panel: Panel):
    for expr in expressions(panel):
        assert "$" not in expr
        shown = watched.shown(panel, expr)
        if panel.always:
            shown = wait_for(lambda expr=expr: watched.shown(panel, expr), f"{panel.title} has data")
            assert any(math.isfinite(value) for value in shown)


@pytest.mark.parametrize("marks", [pytest.param(some, id=some.name) for some in ANNOTATIONS])
def test_moments_are_marked_when_they_were(watched: Watched, marks: Any):
    found = watched.over_time(as_grafana(marks.expr, flywheel=NAME))
    newest = {float(value) / 1000 for series in found for _, value in series["values"]}
    assert newest
    assert all(watched.began - 1 <= moment <= time.time() + 1 for moment in newest)


def test_variables_offer_what_there_is(watched: Watched):
    asked = {some.build().name: some.build().query for some in VARIABLES}
    for name, expected in {"flywheel": [NAME], "task": sorted(TASKS)}.items():
        query = as_grafana(asked[name]["query"], flywheel=NAME)
        selector, label = re.fullmatch(r"label_values\((.+), (\w+)\)", query).groups()
        assert watched.server.values_of(label, selector) == expected


def test_rules_are_evaluated_and_find_nothing_wrong(watched: Watched):
    given = yaml.safe_load((ROOT / "dashboards" / "rules" / "flywheel.rules.yaml").read_text(encoding="utf-8"))
    for group in given["groups"]:
        for rule in group["rules"]:
            assert not watched.server.instant(rule["expr"]), rule["alert"]

    def evaluated() -> list[dict[str, Any]]:
        rules = [rule for group in watched.server.get("rules")["groups"] for rule in group["rules"]]
        return rules if all(rule["health"] != "unknown" for rule in rules) else []

    rules = wait_for(evaluated, "an evaluation of each rule")
    assert len(rules) == sum(len(group["rules"]) for group in given["groups"])
    assert {rule["name"]: rule.get("lastError") for rule in rules if rule["health"] != "ok"} == {}
    wait_for(lambda: watched.server.get("alerts") == {"alerts": []}, "silence")


def test_every_metric_of_ray_that_is_shown_is_there(watched: Watched):
    shown = {
        name
        for page in DASHBOARDS
        for panel in page.panels
        for query in panel.queries
        for name in re.findall(r"\bray_\w+", query.expr)
    }
    exported = set(watched.server.values_of("__name__", '{job="flywheel-ray"}'))
    assert shown - exported - set(NOT_HERE) == set()
