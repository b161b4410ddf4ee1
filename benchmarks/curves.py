"""Learning curves: runs of several seeds, and of filtered behaviour cloning with the same data and budget.

The same seed gives the same demonstrations whatever the algorithm is; updates and episodes are the same in number.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from benchmarks.material import DEMO
from benchmarks.writing import machine, publish, table

ALGORITHMS = ("alpha_pac", "filtered_bc")


def measure(
    stores: Sequence[str],
    *,
    seeds: int = 3,
    algorithms: Sequence[str] = ALGORITHMS,
    config: Path = DEMO,
    root: Path = Path("runs/curves"),
) -> None:
    """Of the stores' finished runs. Without stores: runs what is not finished yet under `root`, one after the other."""
    before = machine()
    found = [Path(store) for store in stores] or [
        _run(config, algorithm, seed, root) for algorithm in algorithms for seed in range(seeds)
    ]
    reports = [json.loads((store / "report.json").read_text(encoding="utf-8")) for store in found]
    num_turns = max(len(report["iterations"]) for report in reports)
    tasks = ", ".join(task.rpartition("/")[2] for task in reports[0]["data"]["tasks"])
    header = ["algorithm", "seed", "in the data", *(f"it {number}" for number in range(num_turns)), "final", "n", "s"]
    text = table(header, [_row(report, num_turns) for report in reports])
    name = f"curves-{reports[0]['name']}"
    title = f"{reports[0]['name']}: success of each candidate in %, mean ({tasks})"
    publish(name, title=title, text=text, result={"runs": [_result(report) for report in reports]}, before=before)


def _run(config: Path, algorithm: str, seed: int, root: Path) -> Path:
    """The store of a finished run; what has a record there is not done again."""
    settings = yaml.safe_load(config.read_text(encoding="utf-8"))
    settings["train"] = {**settings.get("train", {}), "algorithm": algorithm}
    name = f"{settings['name']}-{algorithm}"
    store, path = root / f"{name}-{seed}", root / f"{name}.yaml"
    if not _is_finished(store):
        root.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
        command = ["run", str(path), "--store", str(store), "--seed", str(seed)]
        subprocess.run([sys.executable, "-m", "flywheel.cli", *command], check=True)
    return store


def _is_finished(store: Path) -> bool:
    report = store / "report.json"
    return report.exists() and bool(json.loads(report.read_text(encoding="utf-8"))["finished"])


def _row(report: Mapping[str, Any], num_turns: int) -> list[object]:
    turns = [_turn(turn) for turn in report["iterations"]]
    final = report["final"]
    return [
        report["config"]["train"]["algorithm"],
        report["seed"],
        _rates(report["data"]),
        *turns,
        *[""] * (num_turns - len(turns)),
        f"**{_rates(final)}**" if final else "",
        min(result["episodes"] for result in final["tasks"].values()) if final else "",
        _mean_time_s(final) if final else "",
    ]


def _turn(turn: Mapping[str, Any]) -> str:
    """A rejected candidate's in italics."""
    if not turn["tasks"]:
        return ""
    return _rates(turn) if turn["decision"] == "promote" else f"*{_rates(turn)}*"


def _rates(part: Mapping[str, Any]) -> str:
    """Mean (each task), in %."""
    mean = "-" if part["mean"] is None else f"{100 * part['mean']['rate']:.0f}"
    each = ["-" if one["rate"] is None else f"{100 * one['rate']:.0f}" for one in part["tasks"].values()]
    return f"{mean} ({'/'.join(each)})"


def _mean_time_s(final: Mapping[str, Any]) -> str:
    """Mean over tasks of the mean simulated time to success."""
    times = [one["mean_time_to_success_s"] for one in final["tasks"].values()]
    known = [time for time in times if time is not None]
    return f"{sum(known) / len(known):.2f}" if known else "-"


def _result(report: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "algorithm": report["config"]["train"]["algorithm"],
        "seed": report["seed"],
        "wall_s": report["wall_s"],
        "data": report["data"]["tasks"],
        "iterations": [
            {name: turn[name] for name in ("number", "decision", "tasks", "live_tasks")}
            for turn in report["iterations"]
        ],
        "final": report["final"],
    }
