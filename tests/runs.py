"""Records of made-up runs, as the stages write them."""

from collections.abc import Mapping, Sequence
from typing import Any

from fakes import MemoryRecords

from flywheel.core.gate import PromotionGate
from flywheel.core.policy import SuccessRate

CONFIG: dict[str, Any] = {
    "name": "tabletop",
    "seed": 7,
    "iterations": 3,
    "suites": [{"suite": "metaworld", "tasks": ["reach-v3", "push-v3"], "max_decisions": 40, "action_repeat": 2}],
}

TASKS = ("metaworld/reach-v3", "metaworld/push-v3")

STAGES = ("relabel", "train", "evaluate", "deploy")


def result(
    successes: int, episodes: int, time_s: float | None = 2.0, *, errors: int = 0, unscored: int = 0
) -> dict[str, Any]:
    """One task's; without successes there is no time."""
    rate = SuccessRate(successes=successes, episodes=episodes)
    return {
        "successes": successes,
        "episodes": episodes,
        "rate": rate.rate,
        "lower": rate.lower,
        "upper": rate.upper,
        "mean_time_to_success_s": time_s if successes else None,
        "errors": errors,
        "unscored": unscored,
    }


def results(
    successes: Sequence[int], episodes: int, time_s: float = 2.0, tasks: Sequence[str] = TASKS
) -> dict[str, Any]:
    """Task -> result."""
    return {task: result(count, episodes, time_s) for task, count in zip(tasks, successes, strict=True)}


def planned(tasks: Sequence[str], *, live: str | None, number: int) -> dict[str, Any]:
    """Of a gate with the default settings, where a version is live."""
    gate = PromotionGate(
        alpha=0.02,
        boundary=2.19,
        max_pairs=200,
        batch=25,
        margins=dict.fromkeys(tasks, 0.1),
        targets=tuple(tasks[:1]),
    )
    return {
        "live": live,
        "candidate": f"policy-{number - 1:04d}" if number else None,
        "collect": {task: {"fresh": 40, "revisit": [7]} for task in tasks} if number else {},
        "gate": None if live is None else gate.plain,
        "planned_pairs": None if live is None else 120,
        "budget": {"number": 0, "attempts": max(0, number - 1), "promotions": 0},
        "approval": "none",
    }


def evidence(tasks: Sequence[str]) -> dict[str, Any]:
    """Of two looks; the second is the last."""
    gate = PromotionGate.of({**planned(tasks, live="policy", number=1)["gate"], "max_pairs": 50, "boundary": 0.5})
    letters = {task: "B" * 20 + "W" * 8 + "L" * 2 + "B" * 20 for task in tasks}
    verdict = gate.judge(letters)
    looks = [look.plain for look in verdict.looks]
    return {"alpha": gate.alpha, "pairs": letters, "anchor_pairs": {}, "looks": looks}


def write_iteration(
    records: MemoryRecords,
    number: int,
    successes: Sequence[int],
    *,
    live: Sequence[int] | None = None,
    promote: bool = True,
    live_after: str | None = None,
    until: str = "deploy",
    tasks: Sequence[str] = TASKS,
    time_s: float = 2.0,
    trained: Mapping[str, Any] | None = None,
) -> None:
    """Of 50 evaluation episodes per task; each stage takes 10 s, planning none. `until` is the last stage with a
    record; `trained` is added to the train record."""
    policy = f"policy-{number:04d}"
    key = f"iterations/{number:04d}"
    first = "collect" if number else "ingest"
    before = f"policy-{number - 1:04d}" if number else None
    digests = {"episodes": "e" * 64, "labels": "d" * 64}
    deployed = records.read(f"iterations/{number - 1:04d}/deploy")
    outcomes: dict[str, dict[str, Any]] = {
        "plan": planned(tasks, live=None if deployed is None else deployed["live"], number=number),
        first: {
            "episodes_version": 2 * number + 1,
            "data_digests": {"episodes": "e" * 64},
            "behaviour_policy": before or "demonstrator",
            "tasks": results(live or successes, 50, time_s + 1, tasks)
            if number
            else results([30, 10, 5][: len(tasks)], 100, time_s + 1, tasks),
            "work_s": 9.0,
        },
        "relabel": {
            "episodes_version": 2 * number + 1,
            "labels_version": number + 1,
            "data_digests": digests,
            "num_labels": 100,
        },
        "train": {
            "policy_id": policy,
            "digest": f"{number:064x}",
            "contract": "c" * 64,
            "file_digests": {"weights.safetensors": f"{number:064x}"},
            "parent": before,
            "trained_on": {"episodes": 2 * number + 1, "labels": number + 1},
            "data_digests": digests,
            "num_updates": 1000,
            "metrics": {"entropy": 1.5 - 0.2 * number, "q": 0.4 + 0.1 * number, "critic_loss": 2.0 / (number + 1)},
            **(trained or {}),
        },
        "evaluate": {
            "policy_id": policy,
            "episodes_version": 2 * number + 2,
            "data_digests": {"episodes": "f" * 64},
            "transactions": [f"{number:04d}-evaluate-050"],
            "tasks": results(successes, 50, time_s, tasks),
            "live": before,
            "live_tasks": results(live, 50, time_s, tasks) if live is not None else None,
            "decision": "promote" if promote else "reject",
            "reason": "not worse on any task" if promote else "budget:improvement not shown",
            "evidence": None if live is None else evidence(tasks),
        },
        "deploy": {
            "live": policy if promote else (live_after or before),
            "deployed": promote,
            "reason": "not worse on any task" if promote else "budget:improvement not shown",
        },
    }
    for stage, outcome in outcomes.items():
        wall_s = 0.0 if stage == "plan" else 10.0
        records.write(f"{key}/{stage}", {**outcome, "wall_s": wall_s, "iteration": number, "stage": stage})
        if stage == until:
            break


def write_final(
    records: MemoryRecords,
    number: int,
    policy: str,
    successes: Sequence[int],
    *,
    tasks: Sequence[str] = TASKS,
    time_s: float = 2.0,
) -> None:
    """Of 100 episodes per task, in 20 s."""
    record = {"policy_id": policy, "tasks": results(successes, 100, time_s, tasks), "wall_s": 20.0}
    records.write(f"final/{number:04d}", record)


def finished_run() -> MemoryRecords:
    """Two tasks; iteration 1 is rejected, iteration 2 promoted."""
    records = MemoryRecords()
    write_iteration(records, 0, [40, 30])
    write_iteration(records, 1, [35, 30], live=[40, 30], promote=False)
    write_iteration(records, 2, [49, 45], live=[41, 31])
    write_final(records, 2, "policy-0002", [97, 90])
    return records
