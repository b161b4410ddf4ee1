"""GET /metrics, as Prometheus meets it."""

import shutil
import subprocess
from pathlib import Path

import pytest
from desk import Desk, open_desk
from scraped import value
from small import small_config
from turned import turned_desk  # noqa: F401 - a fixture

from flywheel.core.access import Scope
from flywheel.metrics.live import LEARNED, LiveMetrics
from flywheel.ports import CollectorCounts
from flywheel.store.calls import CallOutcome, Operation


def supervisors_text() -> str:
    """With every metric that the supervisor's process may have."""
    live = LiveMetrics(collectors=lambda: CollectorCounts(alive=2), spool_bytes=1000)
    live.store_called(Operation.PUT, CallOutcome.OK, 0.01)
    live.stage_started(0, "train")
    live.progress(1, 2, **dict.fromkeys(LEARNED, 1.0))
    return live.text()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return open_desk(tmp_path / "store", small_config())


def test_who_scrapes_needs_no_token(desk: Desk):
    answer = desk.client(None).get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert value(answer.text, "flywheel_supervisor_up") == 0
    assert value(answer.text, "flywheel_collectors") is None
    assert value(answer.text, "flywheel_iterations_total", outcome="succeeded") == 0


def test_what_the_supervisor_counts_is_beside_it(desk: Desk):
    desk.watch.counted = supervisors_text()
    text = desk.client(None).get("/metrics").text
    assert value(text, "flywheel_supervisor_up") == 1
    assert value(text, "flywheel_collectors") == 2


def test_metrics_that_are_not_open_need_a_token_that_may_read(tmp_path: Path):
    desk = open_desk(tmp_path / "store", small_config(control={"open_metrics": False}))
    for scope, status in ((None, 401), (Scope.ACT, 403), (Scope.READ, 200)):
        answer = desk.client(scope).get("/metrics")
        assert answer.status_code == status
        kind = "text/plain" if status == 200 else "application/problem+json"
        assert answer.headers["Content-Type"].startswith(kind)


def test_it_is_no_part_of_the_json_api(desk: Desk):
    assert "/metrics" not in desk.client().get("/v1/openapi.json").json()["paths"]


def test_of_a_finished_run_promtool_has_nothing_to_find_fault_with(turned: Desk):
    if shutil.which("promtool") is None:
        pytest.skip("needs promtool")
    turned.watch.counted = supervisors_text()
    text = turned.client(None).get("/metrics").text
    assert value(text, "flywheel_iteration") == 2
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
