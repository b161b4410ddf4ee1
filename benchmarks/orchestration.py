"""How much of a run's time is neither environment, network nor update: from the records of its store."""

from typing import Any

from benchmarks.writing import machine, publish, table
from flywheel import loop, wiring
from flywheel.core.iteration import Stage, record_key
from flywheel.journey import final_key
from flywheel.store.objects import open_objects
from flywheel.store.records import JsonRecords


def measure(store: str, *, wall_s: float | None = None) -> None:
    """`wall_s`: of the whole command, if known; it holds the start of Ray and the report too.

    Work is what collectors (in parallel) and the loop of updates took. A collector's work holds the writing of its
    files, so that is not counted as orchestration; waiting for the slowest collector is.
    """
    before = machine()
    num_collectors = wiring.configuration_of(store).resources.num_collectors
    stages = _stages(store, num_collectors)
    if not stages:
        raise SystemExit(f"{store}: no records")
    total_s, work_s = sum(one["wall_s"] for one in stages), sum(one["work_s"] for one in stages)
    rows: list[list[object]] = []
    for stage in dict.fromkeys(one["stage"] for one in stages):
        mine = [one for one in stages if one["stage"] == stage]
        stage_s, stage_work_s = sum(one["wall_s"] for one in mine), sum(one["work_s"] for one in mine)
        rows.append(_row(stage, len(mine), stage_s, stage_work_s, total_s))
    rows.append(_row("**all stages**", len(stages), total_s, work_s, total_s))
    if wall_s is not None:
        rows.append(_row("**the whole command**", 1, wall_s, work_s, wall_s))
    repeated = [f"{one['iteration']}/{one['stage']}" for one in stages if one["resumed"]]
    note = f"\n\nInterrupted, work unknown: {', '.join(repeated)}" if repeated else ""
    header = ["stage", "times", "wall s", "work s", "orchestration s", "share of all wall time"]
    publish(
        "orchestration",
        title=f"Orchestration of {store}",
        text=table(header, rows) + note,
        result={
            "stages": stages,
            "wall_s": wall_s if wall_s is not None else total_s,
            "share": 1 - work_s / (wall_s if wall_s is not None else total_s),
        },
        before=before,
    )


def _row(name: str, times: int, wall_s: float, work_s: float, total_s: float) -> list[object]:
    rest_s = wall_s - work_s
    return [name, times, f"{wall_s:.1f}", f"{work_s:.1f}", f"{rest_s:.1f}", f"{rest_s / total_s:.1%}"]


def _stages(store: str, num_collectors: int) -> list[dict[str, Any]]:
    records = JsonRecords(objects=open_objects(store))
    found: list[dict[str, Any]] = []
    number = 0
    while True:
        outcomes: dict[str, dict[str, Any]] = {}
        for stage in Stage:
            outcome = records.read(record_key(number, stage))
            if outcome is not None:
                outcomes[str(stage)] = outcome
        final = records.read(final_key(number))
        if final is not None:
            outcomes[loop.FINAL] = final
        if not outcomes:
            return found
        found += [_stage(number, stage, outcome, num_collectors) for stage, outcome in outcomes.items()]
        number += 1


def _stage(number: int, stage: str, outcome: dict[str, Any], num_collectors: int) -> dict[str, Any]:
    collected = "work_s" in outcome
    work_s = outcome["work_s"] / num_collectors if collected else outcome.get("metrics", {}).get("work_s", 0.0)
    return {
        "iteration": number,
        "stage": stage,
        "wall_s": outcome["wall_s"],
        "work_s": work_s,
        # What was made before an interruption took its time then.
        "resumed": (collected or stage == "train") and (work_s == 0.0 or work_s > outcome["wall_s"]),
    }
