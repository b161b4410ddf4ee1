"""A desk over a finished run."""

from pathlib import Path

import pytest
from desk import Desk, open_desk
from small import small_config

POLICIES = ("policy-0000", "policy-0001", "policy-0002")
"""Of the finished run, each promoted; the last one is live."""
LIVE = POLICIES[-1]


def open_turned(folder: Path) -> Desk:
    """Over a finished run of the test's own."""
    return open_desk(folder, small_config())


@pytest.fixture(name="turned")
def turned_desk(folder: Path) -> Desk:
    return open_turned(folder)
