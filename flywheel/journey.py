"""Journey: the iterations of a store, as its records hold them."""

from collections.abc import Callable, Iterator
from statistics import fmean
from typing import Any, Protocol

from flywheel.core.control import Control, IterationState, IterationStatus
from flywheel.core.gate import Decision
from flywheel.core.iteration import ITERATIONS, Iteration, Outcomes, Stage, record_key
from flywheel.ports import Ports
from flywheel.stages.gather import outcomes

ENDED = (IterationState.SUCCEEDED, IterationState.REJECTED)
"""States of iterations that went to their end."""
TOLD = ("wall_s", "policy_id", "behaviour_policy", "num_updates", "decision", "reason", "live", "deployed")
"""What of a stage's outcome the chronicle tells."""
RESULTS = ("tasks", "live_tasks", "anchor_tasks")
"""Of whose episodes a stage's outcome holds results."""


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


def history(records: Recorded) -> list[Iteration]:
    """Every iteration with at least one record, in order. Those that failed or were cancelled are not finished."""
    numbers = sorted({int(key.split("/")[1]) for key in records.keys(ITERATIONS)})
    found = [_with_records(Iteration(number=number), records.read) for number in numbers]
    return [iteration for iteration in found if iteration.outcomes]


def backwards(records: Recorded, *, below: int) -> Iterator[Iteration]:
    """As `history`, the newest first; each is read when it is asked for."""
    for number in reversed(range(below)):
        iteration = _with_records(Iteration(number=number), records.read)
        if iteration.outcomes:
            yield iteration


def last_finished(records: Recorded, *, below: int) -> Iteration | None:
    """The newest that has all its records; None: there is none."""
    return next((some for some in backwards(records, below=below) if not some.remaining()), None)


def incomplete(control: Control, records: Recorded) -> list[IterationStatus]:
    """Those that went to their end and of whose records one is missing, in order."""
    there = set(records.keys(ITERATIONS))
    return [
        status
        for _, status in sorted(control.iterations.items())
        if status.state in ENDED and not {record_key(status.number, stage) for stage in status.stages} <= there
    ]


def summary(outcome: Outcomes) -> dict[str, Any]:
    """What the chronicle is told of a finished stage: what a reader wants to know of it."""
    told = {name: outcome[name] for name in TOLD if name in outcome}
    if outcome.get("tasks"):
        told["success"] = {task: result["rate"] for task, result in outcome["tasks"].items()}
        told["episodes"] = outcomes(*(outcome.get(name) for name in RESULTS))
    return told


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
    return turned[-1] if turned and turned[-1].state in ENDED else None


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
