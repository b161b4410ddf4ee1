"""What is committed for Grafana: built from the code, of metrics that exist, with units, words and links."""

import json
import re
from pathlib import Path

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models
from naming import named

from dashboards import build, promql
from dashboards.frame import ANNOTATIONS
from dashboards.panels import Panel, View
from flywheel.metrics import table
from flywheel.metrics.table import TABLE

UIDS = [f"flywheel-{name}" for name in ("success", "loop", "learning", "endpoint", "data", "cluster")]
CONSOLE = re.compile(r"\$\{console\}/#/(policies|iterations/[^/?]+|episodes\?(?P<asked>.+))")
ASKED = {"task", "outcome", "policy", "source", "iteration", "at"}
"""What the console's view of episodes understands."""
UNITS = {"ratio": {"percentunit"}, "bytes": {"bytes"}, "seconds": {"s", "percentunit"}}
BY_NAME = {metric.name: metric for metric in TABLE}
RULES = build.FOLDER.parent / "rules" / "flywheel.rules.yaml"

PANELS = [pytest.param(panel, id=f"{page.uid}: {panel.title}") for page in build.DASHBOARDS for panel in page.panels]


def committed() -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in build.FOLDER.iterdir()}


def test_what_is_committed_is_what_the_code_builds():
    assert committed() == build.built(), "python -m dashboards.build"


def test_addresses_of_dashboards_stay():
    assert [page.uid for page in build.DASHBOARDS] == UIDS


@pytest.mark.parametrize("name", [f"{uid}.json" for uid in UIDS])
def test_the_json_is_of_grafanas_own_types(name: str):
    given = json.loads((build.FOLDER / name).read_text(encoding="utf-8"))
    # Of annotations the SDK lacks what Prometheus' has besides.
    for some in given["annotations"]["list"]:
        assert [some.pop(key) for key in ("useValueForTime", "step")] == [True, "15s"]
        assert some.pop("titleFormat")
    read = models.Dashboard.from_json(given)
    assert json.loads(JSONEncoder().encode(read)) == given


@pytest.mark.parametrize("name", [f"{uid}.json" for uid in UIDS])
def test_no_data_source_is_named(name: str):
    text = (build.FOLDER / name).read_text(encoding="utf-8")
    sources = re.findall(r'"type": "prometheus",\s+"uid": "([^"]+)"', text)
    assert set(sources) == {"${datasource}"}
    assert [some["name"] for some in json.loads(text)["templating"]["list"]] == [
        "datasource",
        "flywheel",
        "task",
        "console",
    ]


@pytest.mark.parametrize("name", [f"{uid}.json" for uid in UIDS])
def test_panels_fill_lines_without_overlap(name: str):
    panels = json.loads((build.FOLDER / name).read_text(encoding="utf-8"))["panels"]
    taken = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_every_metric_is_shown_or_alerted_on_or_diagnostic():
    rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    used = [query.expr for page in build.DASHBOARDS for panel in page.panels for query in panel.queries]
    used += [some.expr or "" for some in ANNOTATIONS]
    used += [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    seen = set().union(*(named(expr) for expr in used))
    assert seen == {metric.name for metric in TABLE if not metric.diagnostic}


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_says_what_it_means_in_units_and_words(panel: Panel):
    assert panel.title
    assert panel.description.endswith((".", "`"))
    assert panel.empty
    assert panel.unit
    metrics = set().union(*(named(query.expr) for query in panel.queries))
    assert metrics or all("ray_" in query.expr for query in panel.queries)
    units = {BY_NAME[name].unit for name in metrics}
    if len(units) == 1 and panel.view is not View.NAME:
        assert panel.unit in UNITS.get(units.pop(), {panel.unit})


@pytest.mark.parametrize("panel", PANELS)
def test_bands_and_legends_name_what_the_queries_give(panel: Panel):
    legends = {query.legend for query in panel.queries}
    assert len(legends) == len(panel.queries)
    assert {name for band in panel.bands for name in (band.lower, band.upper, band.around)} <= legends
    for query in panel.queries:
        assert set(re.findall(r"{{(\w+)}}", query.legend)) <= labels_of(query.expr)


@pytest.mark.parametrize("panel", [param for param in PANELS if param.values[0].links])
def test_links_lead_to_views_of_the_console_by_labels_that_the_series_have(panel: Panel):
    for link in panel.links:
        view = CONSOLE.fullmatch(link.url)
        assert view is not None
        asked = [part.partition("=")[0] for part in (view["asked"] or "").split("&") if part]
        assert set(asked) <= ASKED
        for query in panel.queries:
            assert set(re.findall(r"__field\.labels\.(\w+)", link.url)) <= labels_of(query.expr)


def labels_of(expr: str) -> set[str]:
    """That the outermost aggregation keeps."""
    found = re.search(r"\bby \(([^)]*)\)", expr)
    return set() if found is None else set(found[1].split(", "))


def test_a_label_or_value_that_a_metric_lacks_is_refused():
    with pytest.raises(ValueError, match="flywheel_success_ratio has no outcome=failure"):
        promql.now(table.SUCCESS_RATIO, outcome="failure")
    with pytest.raises(ValueError, match="flywheel_success_ratio has no status=retired"):
        promql.now(table.SUCCESS_RATIO, status="retired")


def test_what_all_processes_tell_is_not_counted_as_often_as_there_are_processes():
    assert promql.now(table.ITERATION) == 'max(flywheel_iteration{flywheel="$flywheel"})'
    assert promql.per_second(table.ACT_REQUESTS, "outcome") == (
        'sum by (outcome) (rate(flywheel_act_requests_total{flywheel="$flywheel"}[$__rate_interval]))'
    )


def test_grafana_is_told_where_the_dashboards_are():
    provisioning = Path(build.FOLDER.parent.parent, "deploy", "grafana", "provisioning")
    given = yaml.safe_load((provisioning / "dashboards" / "flywheel.yaml").read_text(encoding="utf-8"))
    assert [some["options"]["path"] for some in given["providers"]] == ["${FLYWHEEL_DASHBOARDS}"]
    sources = yaml.safe_load((provisioning / "datasources" / "flywheel.yaml").read_text(encoding="utf-8"))
    assert [some["type"] for some in sources["datasources"]] == ["prometheus"]
