"""Journey: the iterations of a store, as its records hold them."""

from collections.abc import Callable
from statistics import fmean
from typing import Any, Protocol

from flywheel.core.control import Control, IterationState, IterationStatus
from flywheel.core.gate import Decision
from flywheel.core.iteration import ITERATIONS, Iteration, Stage, record_key
from flywheel.ports import Ports


class Recorded(Protocol):
    """What an iteration's history is read from."""

    def keys(self, prefix: str) -> list[str]: ...

    def read(self, key: str) -> dict[str, Any] | None: ...


def recorded(number: int, ports: Ports) -> Iteration:
    """The iteration with every stage that its records hold. One without any begins from what there is now."""
    return _with_records(
        Iteration(number=number, live=ports.chronicle.control().live, candidate=_newest_candidate(number, ports)),
        ports.records.read,
    )


def history(records: Recorded, *, below: int | None = None) -> list[Iteration]:
    """Every iteration with at least one record, in order. Those that failed or were cancelled are not finished."""
    numbers = sorted({int(key.split("/")[1]) for key in records.keys(ITERATIONS)})
    found = [
        _with_records(Iteration(number=number), records.read) for number in numbers if below is None or number < below
    ]
    return [iteration for iteration in found if iteration.outcomes]


def finished(records: Recorded) -> list[Iteration]:
    """Those that have all their records."""
    return [iteration for iteration in history(records) if not iteration.remaining()]


def reached(iteration: Iteration, until: float | None) -> bool:
    """Whether the version that is live after the iteration had this mean success rate in its evaluation."""
    if until is None:
        return False
    verdict = iteration.outcomes[Stage.EVALUATE]
    tasks = verdict["tasks"] if verdict["decision"] == Decision.PROMOTE else verdict["live_tasks"]
    return tasks is not None and fmean(result["rate"] or 0.0 for result in tasks.values()) >= until


def repeatable(control: Control) -> IterationStatus | None:
    """The newest iteration, where it went to its end: what a repair takes away of its records is made again."""
    turned = [status for _, status in sorted(control.iterations.items()) if status.stages]
    ended = (IterationState.SUCCEEDED, IterationState.REJECTED)
    return turned[-1] if turned and turned[-1].state in ended else None


def final_key(number: int) -> str:
    """Where the assessment after the iteration is recorded."""
    return f"final/{number:04d}"


def _newest_candidate(number: int, ports: Ports) -> str | None:
    """The version that an earlier iteration trained last."""
    for before in reversed(range(number)):
        trained = ports.records.read(record_key(before, Stage.TRAIN))
        if trained is not None:
            policy_id: str = trained["policy_id"]
            return policy_id
    return None


def _with_records(iteration: Iteration, read: Callable[[str], dict[str, Any] | None]) -> Iteration:
    while iteration.remaining():
        stage = iteration.remaining()[0]
        outcome = read(record_key(iteration.number, stage))
        if outcome is None:
            break
        iteration = iteration.completed(stage, outcome)
    return iteration
