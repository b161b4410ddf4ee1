"""Mending: a record that a finished iteration lost is made again, from what the iteration committed.

Nothing is collected, trained or deployed for it, and it must say what the chronicle was told. What cannot be made again
so stays lost: a plan, and what the store does not hold any more.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, NoReturn

from flywheel.core.code_version import CODE_VERSION, LOOP_VERSION, loop_version
from flywheel.core.control import Control, IterationStatus
from flywheel.core.entry import Action
from flywheel.core.errors import NotFoundError, RecordExistsError, ResumeError, StoreUnavailableError
from flywheel.core.iteration import PRODUCTS, Iteration, Outcomes, Stage, record_key
from flywheel.journey import summary
from flywheel.ports import CollectorCounts, Ports
from flywheel.stages.collect import collect
from flywheel.stages.evaluate import evaluate
from flywheel.stages.ingest import ingest
from flywheel.stages.relabel import relabel
from flywheel.stages.train import train

COMMITTED = {
    Stage.INGEST: ingest,
    Stage.COLLECT: collect,
    Stage.RELABEL: relabel,
    Stage.TRAIN: train,
    Stage.EVALUATE: evaluate,
}
"""Stages that find what they made before, and record it."""


def mend(status: IterationStatus, ports: Ports) -> bool:
    """Whether the finished iteration has all its records again; observers hear of each that was lost.

    StoreUnavailableError: it may have them later.
    """
    number, told = status.number, _told(status.number, ports.chronicle.control())
    iteration, idle = Iteration(number=number), replace(ports, collectors=_Nobody(), relabeler=_Nobody())
    for stage in map(Stage, status.stages):
        try:
            outcome = ports.records.read(record_key(number, stage)) or _made_again(stage, iteration, told[stage], idle)
            iteration = iteration.completed(stage, outcome)
        except StoreUnavailableError:
            raise
        except Exception as failure:  # noqa: BLE001 - nothing about an old record keeps new iterations from turning
            ports.observer.event(f"iteration {number}: the record of {stage} stays lost: {failure}")
            return False
    return True


def _told(number: int, control: Control) -> dict[str, Mapping[str, Any]]:
    """Stage -> what the chronicle was told of it."""
    return {
        entry.details["stage"]: {name: value for name, value in entry.details.items() if name != "stage"}
        for entry in control.entries
        if entry.action is Action.STAGE_COMPLETED and entry.subject_number == number
    }


def _made_again(stage: Stage, iteration: Iteration, told: Mapping[str, Any], ports: Ports) -> Outcomes:
    """NotFoundError: the store does not hold what it would be made from. ResumeError: it would be another one."""
    if stage is Stage.PLAN:
        raise NotFoundError("nothing but the record held the plan")
    if (other := loop_version(iteration.outcomes[Stage.PLAN])) != LOOP_VERSION:
        raise ResumeError(f"its plan is of loop version {other}, and this flywheel makes records of {LOOP_VERSION}")
    if stage is Stage.TRAIN and ports.policies.version(told["policy_id"]) is None:
        raise NotFoundError(f"{told['policy_id']} is not in the store any more")
    # A deployment is all in the chronicle; to deploy again might undo what a person decided since.
    products = {name: told[name] for name in PRODUCTS[stage]} if stage is Stage.DEPLOY else None
    made = products or COMMITTED[stage](iteration, ports)
    outcome = {**made, "wall_s": told["wall_s"], "flywheel": CODE_VERSION, "loop": LOOP_VERSION}
    # An older release told less.
    if (says := {name: summary(outcome).get(name) for name in told}) != told:
        raise ResumeError(f"made again it says {says}, and the chronicle was told {told}")
    with suppress(RecordExistsError):  # Another process mends it too.
        ports.records.write(record_key(iteration.number, stage), outcome)
    ports.observer.event(f"iteration {iteration.number}: the record of {stage} was lost and is made again")
    return outcome


class _Nobody:
    """In the place of those who would make something."""

    def collect(self, *_: object) -> NoReturn:
        raise NotFoundError("its episodes are not in the store any more")

    def counts(self) -> CollectorCounts:
        return CollectorCounts()

    def relabel(self, *_: object, **__: object) -> NoReturn:
        raise NotFoundError("its labels are not in the store any more")
