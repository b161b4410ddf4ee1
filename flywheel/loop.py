"""The loop: turns of the wheel, each resumed at its first unfinished stage, until there are enough."""

from functools import partial
from time import perf_counter

from flywheel.core.code_version import CODE_VERSION
from flywheel.core.commands import iterations as commands
from flywheel.core.control import Control, IterationState
from flywheel.core.errors import ResumeError, WaitingError
from flywheel.core.gate import Decision
from flywheel.core.gate_rules import Approval
from flywheel.core.iteration import ITERATIONS, Iteration, Stage, record_key
from flywheel.journey import final_key, finished, history, reached, recorded, repeatable
from flywheel.ports import Ports
from flywheel.resume import check
from flywheel.stages.assess import assess
from flywheel.stages.collect import collect
from flywheel.stages.deploy import deploy
from flywheel.stages.evaluate import evaluate
from flywheel.stages.gather import outcomes
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
TOLD = ("wall_s", "policy_id", "behaviour_policy", "num_updates", "decision", "reason", "live", "deployed")
"""What of a stage's outcome the chronicle tells."""
RESULTS = ("tasks", "live_tasks", "anchor_tasks")
"""Of whose episodes a stage's outcome holds results."""


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
        outcome = {**outcome, "wall_s": perf_counter() - began, "flywheel": CODE_VERSION}
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
    checked = False
    while (number := _due(ports, iterations, until)) is not None:
        iteration = carry_on(number, ports, accept_version=accept_version, checked=checked)
        checked = True
        if iteration.remaining():
            reason = iteration.outcomes[Stage.EVALUATE]["reason"]
            ports.chronicle.append(partial(commands.wait_for_approval, number=number, by=ports.by, reason=reason))
            raise WaitingError(
                f"iteration {number} waits for approval (gate.approval): `flywheel up` starts the service, "
                f"`flywheel approve {number}` lets it go on"
            )
        finish(iteration, ports)
    last = finished(ports.records)[-1]
    if _is_unassessed(last, ports):
        if not checked:
            check(history(ports.records), ports, accept_version=accept_version)
        _assess(last, ports)
    return last


def carry_on(number: int, ports: Ports, *, accept_version: bool = False, checked: bool = False) -> Iteration:
    """Turns the iteration with this number to its end, or to where it waits for approval.

    ResumeError: what it goes on from is not what was recorded; `checked`: that is known not to be so.
    """
    iteration = recorded(number, ports)
    if not checked:
        check([*history(ports.records, below=number), iteration], ports, accept_version=accept_version)
    if not ports.chronicle.control().iterations[number].state.is_terminal:
        ports.chronicle.append(partial(commands.start, number=number, by=ports.by, owner=ports.owner))
    for stage in iteration.outcomes:
        if stage not in ports.chronicle.control().iterations[number].stages:
            _tell(iteration, stage, ports)
    return turn(iteration, ports)


def finish(iteration: Iteration, ports: Ports) -> None:
    """Says how a turned iteration ended, unless that was said."""
    if ports.chronicle.control().iterations[iteration.number].state.is_terminal:
        return
    deployed = iteration.outcomes[Stage.DEPLOY]
    state = IterationState.SUCCEEDED if deployed["deployed"] else IterationState.REJECTED
    decide = partial(commands.finish, number=iteration.number, state=state, by=ports.by, reason=deployed["reason"])
    ports.chronicle.append(decide)


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
    if (mended := _mended(control, ports)) is not None:
        return mended
    over = finished(ports.records)
    if over and not _goes_on(over[-1], control.next_iteration - 1, iterations, until):
        return None
    request = partial(commands.request, by=ports.by, overrides={}, max_queued=1)
    entry = ports.chronicle.append(request)
    assert entry is not None, "asking for an iteration always makes an entry"
    return entry.subject_number


def _mended(control: Control, ports: Ports) -> int | None:
    """The newest iteration, if it was over and a repair took a damaged record of it out of the way."""
    newest = repeatable(control)
    if newest is None or set(newest.stages) <= {str(stage) for stage in recorded(newest.number, ports).outcomes}:
        return None
    return newest.number


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
    outcome = {**assessed, "wall_s": perf_counter() - began, "flywheel": CODE_VERSION}
    ports.records.write(final_key(iteration.number), outcome)
    ports.observer.stage_completed(iteration.number, FINAL, outcome)


def _tell(iteration: Iteration, stage: Stage, ports: Ports) -> None:
    """The chronicle has every finished stage once, with what a reader wants to know of it."""
    outcome = iteration.outcomes[stage]
    summary = {name: outcome[name] for name in TOLD if name in outcome}
    if outcome.get("tasks"):
        summary["success"] = {task: result["rate"] for task, result in outcome["tasks"].items()}
        summary["episodes"] = outcomes(*(outcome.get(name) for name in RESULTS))
    ports.chronicle.append(
        partial(commands.complete_stage, number=iteration.number, stage=str(stage), by=ports.by, summary=summary)
    )
