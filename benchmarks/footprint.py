"""Memory and processor time of each kind of process of a service that runs."""

import os
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep

from benchmarks.processes import MIB, family, seen
from benchmarks.writing import machine, publish, table

SECONDS = 600.0
INTERVAL_S = 2.0
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(kw_only=True)
class Kind:
    """What was seen of one kind of process."""

    most: int = 0
    rss_bytes: int = 0
    """Most of one process, shared pages too."""
    pss_bytes: int = 0
    """Most of all together, a shared page counted once."""
    cpu_ticks: dict[int, int] = field(default_factory=dict)
    """By process id."""


def measure(pid: int, *, seconds: float = SECONDS) -> None:
    """Of a keeper and all that it started, until it ends or for so long."""
    before, began = machine(), monotonic()
    kinds: dict[str, Kind] = defaultdict(Kind)
    total = 0
    while Path(f"/proc/{pid}").exists() and monotonic() - began < seconds:
        total = max(total, _sample(pid, kinds))
        sleep(INTERVAL_S)
    watched_s = monotonic() - began
    rows = [
        [
            name,
            str(kind.most),
            f"{kind.rss_bytes / MIB:.0f}",
            f"{kind.pss_bytes / MIB:.0f}",
            f"{sum(kind.cpu_ticks.values()) / TICKS_PER_S / watched_s:.2f}",
        ]
        for name, kind in sorted(kinds.items(), key=lambda pair: -pair[1].pss_bytes)
    ]
    heads = ["process", "most at once", "most of one, MiB", "most of all, MiB", "mean cores"]
    publish(
        "footprint",
        title=f"A service, watched for {watched_s:.0f} s; at most {total / MIB:.0f} MiB at once",
        text=table(heads, rows),
        result={
            "watched_s": watched_s,
            "most_pss_mib": total / MIB,
            "kinds": [dict(zip(heads, row, strict=True)) for row in rows],
        },
        before=before,
    )


def _sample(root: int, kinds: dict[str, Kind]) -> int:
    """Adds what is there now. The memory of all, in bytes."""
    count: Counter[str] = Counter()
    together: Counter[str] = Counter()
    for pid in family(root):
        if (one := seen(pid)) is None:
            continue
        kind = kinds[one.kind]
        kind.cpu_ticks[pid] = one.cpu_ticks
        kind.rss_bytes = max(kind.rss_bytes, one.rss_bytes)
        count[one.kind] += 1
        together[one.kind] += one.pss_bytes
    for name, number in count.items():
        kinds[name].most = max(kinds[name].most, number)
        kinds[name].pss_bytes = max(kinds[name].pss_bytes, together[name])
    return together.total()
