"""Writes report.json and report.html."""

from collections.abc import Callable, Mapping
from typing import Any

from flywheel.filming.studio import Studio
from flywheel.ports import EpisodeTable, Records
from flywheel.report.film import film_strips
from flywheel.report.page import page
from flywheel.report.results import build_report
from flywheel.report.schema import Report

REPORT_JSON = "report.json"
REPORT_HTML = "report.html"


def write_report(
    *,
    records: Records,
    episodes: EpisodeTable,
    config: Mapping[str, Any],
    put: Callable[[str, bytes], None],
    film: bool = True,
) -> Report:
    """Hands both files to `put`, which replaces what is there. `config`: the run's configuration as plain values;
    `film`: whether to render episodes, which takes some seconds per task.

    StoreError: there are no records, or one does not say what it must. A machine that cannot render is no error.
    """
    report = build_report(records, config)
    put(REPORT_JSON, (report.model_dump_json(indent=2) + "\n").encode())
    strips, note = film_strips(report, episodes, suites=_suites(config), studio=Studio()) if film else ([], None)
    put(REPORT_HTML, page(report, strips, film_note=note).encode())
    return report


def _suites(config: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Task -> its suite's section."""
    return {f"{suite['suite']}/{task}": suite for suite in config["suites"] for task in suite["tasks"]}
