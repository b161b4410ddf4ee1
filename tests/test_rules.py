"""Alerts: each fires and stays silent in a test of its own, names metrics that exist, and has a runbook."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from naming import named
from scraping import CONFIG, ROOT, needs_prometheus

FOLDER = ROOT / "dashboards" / "rules"
RULES = FOLDER / "flywheel.rules.yaml"
TESTS = sorted((FOLDER / "tests").glob("*.yaml"))


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


ALERTS = [pytest.param(rule, id=rule["alert"]) for group in read(RULES)["groups"] for rule in group["rules"]]


def promtool(*arguments: str) -> None:
    done = subprocess.run(["promtool", *arguments], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_prometheus
def test_prometheus_accepts_rules_and_configuration():
    promtool("check", "rules", "--lint-fatal", str(RULES))
    promtool("check", "config", str(CONFIG))


@needs_prometheus
@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in TESTS])
def test_alerts_fire_and_stay_silent(path: Path):
    promtool("test", "rules", str(path))


@pytest.mark.parametrize("rule", ALERTS)
def test_an_alert_has_a_test_that_fires_it_and_one_that_nearly_does(rule: dict[str, Any]):
    expected = [
        bool(some["exp_alerts"])
        for path in TESTS
        for case in read(path)["tests"]
        for some in case["alert_rule_test"]
        if some["alertname"] == rule["alert"]
    ]
    assert set(expected) == {True, False}


@pytest.mark.parametrize("rule", ALERTS)
def test_an_alert_says_what_is_wrong_how_bad_it_is_and_what_to_do(rule: dict[str, Any]):
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["runbook_url"] == f"docs/runbooks.md#{rule['alert'].lower()}"
    runbooks = (ROOT / "docs" / "runbooks.md").read_text(encoding="utf-8")
    section = re.search(rf"^### {rule['alert']}\n(.*?)(?=^##|\Z)", runbooks, re.MULTILINE | re.DOTALL)
    assert section is not None
    assert re.findall(r"^\*\*(.+?)\*\*", section[1], re.MULTILINE) == ["It means", "Look at", "Do"]


@pytest.mark.parametrize("rule", ALERTS)
def test_an_alert_is_of_metrics_that_exist_and_keeps_the_flywheel(rule: dict[str, Any]):
    assert named(rule["expr"])
    for kept in re.findall(r"\b(?:sum|max) by \(([^)]*)\)", rule["expr"]):
        assert "flywheel" in kept.split(", ")
