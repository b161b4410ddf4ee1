"""The loop: turns of the wheel, each resumed at its first unfinished stage, until there are enough."""

from functools import partial
from time import perf_counter

from flywheel.core.code_version import CODE_VERSION, LOOP_VERSION
from flywheel.core.commands import iterations as commands
from flywheel.core.errors import ResumeError, WaitingError
from flywheel.core.gate import Decision
from flywheel.core.gate_rules import Approval
from flywheel.core.iteration import ITERATIONS, Iteration, Stage, record_key
from flywheel.journey import backwards, final_key, incomplete, last_finished, reached, recorded, summary
from flywheel.mending import mend
from flywheel.ports import Ports
from flywheel.resume import check, check_loop
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
    """Turns the wheel once, resuming at the first stage that has no record; stops before what needs an approval."""
    for stage in iteration.remaining():
        if stage is Stage.DEPLOY and awaits_approval(iteration, ports):
            break
        if (stopped := ports.brake()) is not None:
            raise stopped
        ports.observer.stage_started(iteration.number, stage)
        began = perf_counter()
        outcome = STAGES[stage](iteration, ports)
        outcome = {**outcome, "wall_s": perf_counter() - began, "flywheel": CODE_VERSION, "loop": LOOP_VERSION}
        iteration = iteration.completed(stage, outcome)
        ports.records.write(record_key(iteration.number, stage), iteration.outcomes[stage])
        _tell(iteration, stage, ports)
        ports.observer.stage_completed(iteration.number, stage, iteration.outcomes[stage])
    return iteration


def run(ports: Ports, *, iterations: int, until: float | None = None, accept_version: bool = False) -> Iteration:
    """Iteration 0 and then improvement iterations, up to number `iterations` or to a mean success rate of `until`.

    Ends with the final assessment of the live version. What has a record is not done again, and before anything is
    done on top of it, it is checked (`resume.check`). What somebody else has asked for comes first.
    """
    for status in incomplete(ports.chronicle.control(), ports.records):
        if not any(status.overrides.values()):  # Its plan was another; the service mends it.
            mend(status, ports)
    checked = False
    while (number := _due(ports, iterations, until)) is not None:
        iteration = carry_on(number, ports, accept_version=accept_version, checked=checked)
        checked = True
        ports.chronicle.append(partial(commands.conclude, turned=iteration, by=ports.by))
        if iteration.remaining():
            raise WaitingError(
                f"iteration {number} waits for approval (gate.approval): `flywheel up` starts the service, "
                f"`flywheel approve {number}` lets it go on"
            )
    last = _last(ports)
    assert last is not None, "no iteration is due only where one is finished"
    if _is_unassessed(last, ports):
        if not checked:
            _check(last, ports)
        _assess(last, ports)
    return last


def carry_on(number: int, ports: Ports, *, accept_version: bool = False, checked: bool = False) -> Iteration:
    """Turns the iteration with this number to its end, or to where it waits for approval.

    ResumeError: what it goes on from is not what was recorded; `checked`: that is known not to be so. OtherLoopError:
    stages of another loop version have begun it; `accept_version`: it may be gone on with. TakenOverError: somebody
    else turns it by now.
    """
    if not (checked or accept_version):
        check_loop(number, ports.records)
    iteration = recorded(number, ports)
    if not checked:
        _check(iteration, ports)
    ports.chronicle.append(partial(commands.start, number=number, by=ports.by, owner=ports.owner))
    for stage in iteration.outcomes:
        if stage not in ports.chronicle.control().iterations[number].stages:
            _tell(iteration, stage, ports)
    return turn(iteration, ports)


def awaits_approval(iteration: Iteration, ports: Ports) -> bool:
    """Whether a person must say yes before the candidate is deployed, and has not."""
    needed = iteration.outcomes[Stage.PLAN]["approval"] == Approval.REQUIRED
    promoted = iteration.outcomes[Stage.EVALUATE]["decision"] == Decision.PROMOTE
    return needed and promoted and ports.chronicle.control().iterations[iteration.number].approved_by is None


def _due(ports: Ports, iterations: int, until: float | None) -> int | None:
    """The number of the iteration to turn: one that was begun or asked for, else a new one, while there are to be more.

    ResumeError: the store has iterations of a flywheel without a chronicle.
    """
    control = ports.chronicle.control()
    if not control.iterations and ports.records.keys(ITERATIONS):
        raise ResumeError("the store was made by an older flywheel, without a chronicle: start anew on another store")
    begun = control.current or next(iter(control.queued), None)
    if begun is not None:
        return begun.number
    over = _last(ports)
    if over is not None and not _goes_on(over, control.next_iteration - 1, iterations, until):
        return None
    request = partial(commands.request, by=ports.by, overrides={}, max_queued=1)
    entry = ports.chronicle.append(request)
    assert entry is not None, "asking for an iteration always makes an entry"
    return entry.subject_number


def _check(iteration: Iteration, ports: Ports) -> None:
    check(iteration, next(backwards(ports.records, below=iteration.number), None), ports)


def _last(ports: Ports) -> Iteration | None:
    return last_finished(ports.records, below=ports.chronicle.control().next_iteration)


def _goes_on(iteration: Iteration, newest: int, iterations: int, until: float | None) -> bool:
    """Whether another turn follows the last finished one. `newest`: of any iteration, finished or not."""
    return newest < iterations and not reached(iteration, until)


def _is_unassessed(iteration: Iteration, ports: Ports) -> bool:
    return (
        iteration.outcomes[Stage.DEPLOY]["live"] is not None and ports.records.read(final_key(iteration.number)) is None
    )


def _assess(iteration: Iteration, ports: Ports) -> None:
    live = iteration.outcomes[Stage.DEPLOY]["live"]
    ports.observer.stage_started(iteration.number, FINAL)
    began = perf_counter()
    assessed = assess(iteration, live, ports)
    outcome = {**assessed, "wall_s": perf_counter() - began, "flywheel": CODE_VERSION, "loop": LOOP_VERSION}
    ports.records.write(final_key(iteration.number), outcome)
    ports.observer.stage_completed(iteration.number, FINAL, outcome)


def _tell(iteration: Iteration, stage: Stage, ports: Ports) -> None:
    """The chronicle has every finished stage once, with what a reader wants to know of it."""
    told = summary(iteration.outcomes[stage])
    complete = partial(commands.complete_stage, number=iteration.number, stage=str(stage), summary=told)
    ports.chronicle.append(partial(complete, by=ports.by, owner=ports.owner))
