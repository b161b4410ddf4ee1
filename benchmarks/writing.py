"""What every benchmark says of itself: the machine, a table, and a JSON file of the same beside README.md."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def machine() -> dict[str, Any]:
    """What a figure depends on besides the code. The load is that of others, if it is taken before the start."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "cpu": _cpu(),
        "load_before": round(os.getloadavg()[0], 2),
        "niceness": os.nice(0),
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "ray", "numpy", "mujoco", "metaworld")},
    }


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """In Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def publish(name: str, *, title: str, text: str, result: Mapping[str, Any], before: Mapping[str, Any]) -> None:
    """Prints the table, and writes `results/<name>.json`. `before` is what `machine()` said before the start."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"machine": before, **result}, indent=1) + "\n", encoding="utf-8")
    print(f"\n{title}\n\n{text}\n\n{before['cores']} cores, load before {before['load_before']}; {path}", flush=True)


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
