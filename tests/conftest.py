"""What every test runs under."""

import os
import shutil
from collections.abc import Generator
from typing import Any

import pytest
import torch
from answering import address, cable, desk, wheel  # noqa: F401 - fixtures for all tests
from browsing import browser, visit  # noqa: F401 - fixtures for all tests
from commanding import flywheel  # noqa: F401 - a fixture for all tests
from hypothesis import settings
from ray_session import ray_session  # noqa: F401 - a fixture for all tests
from s3_store import fragile_store, s3_store  # noqa: F401 - likewise
from seaweed import fragile_seaweed, seaweed  # noqa: F401 - likewise
from stored import finished_folder, folder, store  # noqa: F401 - fixtures for all tests

# The processes of a test run share the cores: those that tests start, and this one, where torch is there already.
os.environ.setdefault("OMP_NUM_THREADS", "1")
torch.set_num_threads(1)

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

REQUIRE_OPTIONAL = os.environ.get("FLYWHEEL_REQUIRE_OPTIONAL") == "1"
"""A test skipped for a missing package fails. Only those marked `gpu` may still be skipped."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Those that may take longest come first: at the end, no process of several waits long for another.
    items.sort(key=lambda item: item.get_closest_marker("timeout") is None)
    if shutil.which("nvidia-smi") is None:
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(pytest.mark.skip(reason="needs an NVIDIA GPU"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if item.get_closest_marker("gpu") is None and not hasattr(report, "wasxfail"):
        _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _refuse_skip(report)
    return report


def _refuse_skip(report: Any) -> None:
    if REQUIRE_OPTIONAL and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"skipped, but FLYWHEEL_REQUIRE_OPTIONAL=1 allows no skips: {report.longrepr[2]}"
