"""From a run's records to its report."""

import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from math import isfinite
from typing import Any

from pydantic import ValidationError

from flywheel.core.control import Control, IterationState, IterationStatus
from flywheel.core.entry import CHRONICLE, Entry
from flywheel.core.errors import StoreError
from flywheel.core.iteration import Iteration, Stage, record_key
from flywheel.journey import final_key, history
from flywheel.ports import Records
from flywheel.report.gate import gate_report
from flywheel.report.mean import mean_success
from flywheel.report.mixture import mixture_report
from flywheel.report.schema import (
    Collected,
    Data,
    Final,
    IterationReport,
    MixtureReport,
    PortionReport,
    Report,
    Result,
    StageTime,
)

LIBRARIES = (
    "flywheel",
    "torch",
    "ray",
    "numpy",
    "mujoco",
    "gymnasium",
    "gymnasium-robotics",
    "metaworld",
    "ogbench",
    "pyarrow",
    "deltalake",
)
"""Distributions whose versions a report names."""
BROKEN_OFF = (IterationState.FAILED, IterationState.CANCELLED)


def installed_versions() -> dict[str, str]:
    """Python's and those of the libraries that are installed."""
    versions = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def build_report(records: Records, config: Mapping[str, Any], *, versions: Mapping[str, str] | None = None) -> Report:
    """The report of a run, finished or not. `config` is the run's configuration as plain values; `versions` those of
    the program, else as installed here.

    StoreError: there are no records, or one does not say what its stage must say.
    """
    iterations, told = _recorded_iterations(records), _told(records)
    last = _last(iterations, told)
    final = _final(last, records)
    missing = _missing(last, final)
    turns: list[IterationReport] = []
    for iteration in iterations:
        before = next((turn.mixture for turn in reversed(turns) if turn.mixture is not None), None)
        turns.append(_iteration(iteration, told.get(iteration.number), before))
    return Report(
        name=config["name"],
        seed=config["seed"],
        finished=not missing,
        missing=missing,
        wall_s=sum(stage.wall_s for turn in turns for stage in turn.stages.values()) + (final.wall_s if final else 0.0),
        data=_data(iterations),
        iterations=turns,
        final=final,
        versions=dict(versions if versions is not None else installed_versions()),
        config=dict(config),
    )


def _recorded_iterations(records: Records) -> list[Iteration]:
    found = history(records)
    if not any(Stage.INGEST in iteration.outcomes for iteration in found):
        raise StoreError(f"nothing to report: there is no record {record_key(0, Stage.INGEST)} in the store")
    return found


def _told(records: Records) -> Mapping[int, IterationStatus]:
    """What the chronicle says of iterations; nothing where there is none."""
    entries = [Entry.of(record) for key in records.keys(CHRONICLE) if (record := records.read(key)) is not None]
    return Control().after(entries).iterations


def _last(iterations: Sequence[Iteration], told: Mapping[int, IterationStatus]) -> Iteration:
    """Of those that came to their end, or still may; else of all."""
    counting = [
        some
        for some in iterations
        if not some.remaining() or some.number not in told or not told[some.number].state.is_terminal
    ]
    return (counting or iterations)[-1]


def _final(last: Iteration, records: Records) -> Final | None:
    """After the last iteration; an assessment that came before later iterations says nothing of them."""
    key = final_key(last.number)
    record = None if last.remaining() else records.read(key)
    if record is None:
        return None
    with _blaming(key):
        tasks = _results(record["tasks"])
        return Final(policy_version=record["policy_id"], tasks=tasks, mean=mean_success(tasks), wall_s=record["wall_s"])


def _missing(last: Iteration, final: Final | None) -> list[str]:
    if final is not None:
        return []
    remaining = last.remaining()
    if not remaining and last.outcomes[Stage.DEPLOY]["live"] is None:
        return ["final assessment: no version was promoted"]
    return [
        *(f"iteration {last.number}: {stage}" for stage in remaining),
        f"final assessment after iteration {last.number}",
    ]


def _data(iterations: Sequence[Iteration]) -> Data:
    """What pretraining learned from: of several, the last, since those before it came to nothing."""
    iteration = next(some for some in reversed(iterations) if Stage.INGEST in some.outcomes)
    with _blaming(record_key(iteration.number, Stage.INGEST)):
        outcome = iteration.outcomes[Stage.INGEST]
        tasks = _results(outcome["tasks"])
        return Data(tasks=tasks, mean=mean_success(tasks), episodes_version=outcome["episodes_version"])


def _iteration(
    iteration: Iteration, told: IterationStatus | None, mixture_before: MixtureReport | None
) -> IterationReport:
    planned, collected, trained, evaluated, deployed = (
        iteration.outcomes.get(stage, {})
        for stage in (Stage.PLAN, Stage.COLLECT, Stage.TRAIN, Stage.EVALUATE, Stage.DEPLOY)
    )
    with _blaming(record_key(iteration.number, "*")):
        tasks = _results(evaluated["tasks"]) if evaluated else None
        return IterationReport(
            number=iteration.number,
            state=None if told is None else told.state.value,
            policy_version=trained.get("policy_id"),
            parent=trained.get("parent"),
            digest=trained.get("digest"),
            trained_on=trained.get("trained_on"),
            num_updates=trained.get("num_updates"),
            decision=evaluated.get("decision"),
            reason=told.reason if told is not None and told.state in BROKEN_OFF else evaluated.get("reason"),
            gate=gate_report(planned, evaluated),
            live=deployed.get("live", iteration.live),
            stages={str(stage): StageTime(wall_s=outcome["wall_s"]) for stage, outcome in iteration.outcomes.items()},
            planned={
                task: PortionReport(fresh=portion["fresh"], revisited=len(portion["revisit"]))
                for task, portion in planned.get("collect", {}).items()
            },
            collected=_collected(collected) if collected else None,
            tasks=tasks,
            mean=mean_success(tasks),
            live_tasks=_results(evaluated["live_tasks"]) if evaluated.get("live_tasks") else None,
            mixture=mixture_report(trained, mixture_before),
            metrics={
                name: value if value is not None and isfinite(value) else None
                for name, value in trained.get("metrics", {}).items()
            },
        )


def _collected(outcome: Mapping[str, Any]) -> Collected:
    return Collected(behaviour_policy=outcome["behaviour_policy"], tasks=_results(outcome["tasks"]))


def _results(tasks: Mapping[str, Any]) -> dict[str, Result]:
    return {task: Result.model_validate(result) for task, result in tasks.items()}


@contextmanager
def _blaming(key: str) -> Iterator[None]:
    """Says which record is at fault."""
    try:
        yield
    except (KeyError, TypeError, ValidationError) as failure:
        raise StoreError(f"record {key} does not say what a report needs: {failure}") from failure
