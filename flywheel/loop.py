"""The loop: turns of the wheel, each resumed at its first unfinished stage, until there are enough."""

from collections.abc import Callable
from statistics import fmean
from time import perf_counter
from typing import Any

from flywheel.core.code_version import CODE_VERSION
from flywheel.core.gate import Decision
from flywheel.core.iteration import Iteration, Stage, record_key
from flywheel.ports import Ports
from flywheel.resume import check
from flywheel.stages.assess import assess
from flywheel.stages.collect import collect
from flywheel.stages.deploy import deploy
from flywheel.stages.evaluate import evaluate
from flywheel.stages.ingest import ingest
from flywheel.stages.plan import plan
from flywheel.stages.relabel import relabel
from flywheel.stages.train import train

STAGES = {
    Stage.PLAN: plan,
    Stage.INGEST: ingest,
    Stage.COLLECT: collect,
    Stage.RELABEL: relabel,
    Stage.TRAIN: train,
    Stage.EVALUATE: evaluate,
    Stage.DEPLOY: deploy,
}


FINAL = "final"
"""What observers are told instead of a stage while the live version is assessed at the end."""


def turn(iteration: Iteration, ports: Ports) -> Iteration:
    """Turns the wheel once, resuming at the first stage that has no record."""
    for stage in iteration.remaining():
        ports.observer.stage_started(iteration.number, stage)
        began = perf_counter()
        outcome = STAGES[stage](iteration, ports)
        outcome = {**outcome, "wall_s": perf_counter() - began, "flywheel": CODE_VERSION}
        iteration = iteration.completed(stage, outcome)
        ports.records.write(record_key(iteration.number, stage), iteration.outcomes[stage])
        ports.observer.stage_completed(iteration.number, stage, iteration.outcomes[stage])
    return iteration


def run(ports: Ports, *, iterations: int, until: float | None = None, accept_version: bool = False) -> Iteration:
    """Iteration 0 and then improvement iterations, up to number `iterations` or to a mean success rate of `until`.

    Ends with the final assessment of the live version. What has a record is not done again, and before anything is
    done on top of it, it is checked (`resume.check`).
    """
    journey = [recorded(Iteration(number=0), ports)]
    while not journey[-1].remaining() and _goes_on(journey[-1], iterations, until):
        journey.append(recorded(journey[-1].following(), ports))
    iteration = journey[-1]
    if iteration.remaining() or _is_unassessed(iteration, ports):
        check(journey, ports, accept_version=accept_version)
    iteration = turn(iteration, ports)
    while _goes_on(iteration, iterations, until):
        iteration = turn(recorded(iteration.following(), ports), ports)
    _finish(iteration, ports)
    return iteration


def recorded(iteration: Iteration, ports: Ports) -> Iteration:
    """The iteration with every stage that its records hold."""
    return _with_records(iteration, ports.records.read)


def history(read: Callable[[str], dict[str, Any] | None]) -> list[Iteration]:
    """Every iteration with at least one record, which `read` finds. Only the last one can be unfinished."""
    found: list[Iteration] = []
    iteration = _with_records(Iteration(number=0), read)
    while iteration.outcomes:
        found.append(iteration)
        if iteration.remaining():
            break
        iteration = _with_records(iteration.following(), read)
    return found


def reached(iteration: Iteration, until: float | None) -> bool:
    """Whether the version that is live after the iteration had this mean success rate in its evaluation."""
    if until is None:
        return False
    verdict = iteration.outcomes[Stage.EVALUATE]
    tasks = verdict["tasks"] if verdict["decision"] == Decision.PROMOTE else verdict["live_tasks"]
    return tasks is not None and fmean(result["rate"] or 0.0 for result in tasks.values()) >= until


def final_key(number: int) -> str:
    """Where the assessment after the iteration is recorded."""
    return f"final/{number:04d}"


def _goes_on(iteration: Iteration, iterations: int, until: float | None) -> bool:
    """Whether another turn follows a finished one."""
    return iteration.number < iterations and not reached(iteration, until)


def _is_unassessed(iteration: Iteration, ports: Ports) -> bool:
    return (
        iteration.outcomes[Stage.DEPLOY]["live"] is not None and ports.records.read(final_key(iteration.number)) is None
    )


def _finish(iteration: Iteration, ports: Ports) -> None:
    if not _is_unassessed(iteration, ports):
        return
    live = iteration.outcomes[Stage.DEPLOY]["live"]
    ports.observer.stage_started(iteration.number, FINAL)
    began = perf_counter()
    assessed = assess(iteration, live, ports)
    outcome = {**assessed, "wall_s": perf_counter() - began, "flywheel": CODE_VERSION}
    ports.records.write(final_key(iteration.number), outcome)
    ports.observer.stage_completed(iteration.number, FINAL, outcome)


def _with_records(iteration: Iteration, read: Callable[[str], dict[str, Any] | None]) -> Iteration:
    for stage in iteration.stages:
        outcome = read(record_key(iteration.number, stage))
        if outcome is None:
            break
        iteration = iteration.completed(stage, outcome)
    return iteration
