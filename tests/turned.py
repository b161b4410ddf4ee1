"""A desk over a finished run: what its records say happened is in the history too."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from desk import Desk, open_desk
from small import small_config

from flywheel import loop
from flywheel.core.commands import iterations, policies
from flywheel.core.control import IterationState
from flywheel.core.gate import Decision
from flywheel.core.iteration import Iteration, Stage

POLICIES = ("policy-0000", "policy-0001", "policy-0002")
"""Of the finished run, each promoted; the last one is live."""
LIVE = POLICIES[-1]


def open_turned(folder: Path) -> Desk:
    """Over a finished run of the test's own."""
    desk = open_desk(folder, small_config())
    for iteration in loop.history(desk.plane.records.read):
        for decide in _told(iteration):
            desk.plane.chronicle.append(decide)
    return desk


@pytest.fixture(name="turned")
def turned_desk(folder: Path) -> Desk:
    return open_turned(folder)


def _told(iteration: Iteration) -> Iterator[Any]:
    number, by = iteration.number, "supervisor"
    judged = iteration.outcomes[Stage.EVALUATE]
    promoted = judged["decision"] == Decision.PROMOTE
    yield partial(iterations.request, by="token:operate", overrides={}, max_queued=16)
    yield partial(iterations.start, number=number, by=by, owner="process 1")
    for stage in iteration.stages:
        yield partial(iterations.complete_stage, number=number, stage=str(stage), by=by, summary={})
    if promoted:
        yield partial(
            policies.promote, policy_id=judged["policy_id"], by="gate", reason=judged["reason"], iteration=number
        )
    yield partial(
        iterations.finish,
        number=number,
        state=IterationState.SUCCEEDED if promoted else IterationState.REJECTED,
        by=by,
        reason=judged["reason"],
    )
