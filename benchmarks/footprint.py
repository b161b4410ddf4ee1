"""Memory and processor time of each kind of process of a service that runs."""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep

from benchmarks.writing import machine, publish, table

SECONDS = 600.0
INTERVAL_S = 2.0
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
MIB = 1 << 20

KINDS: Mapping[str, str] = {
    r"hosting\.keeper|flywheel up .*--foreground": "keeper",
    r"hosting\.host": "host",
    r"ServiceSupervisor": "supervisor",
    r"ServeReplica:control": "API",
    r"ServeReplica:flywheel": "policy endpoint",
    r"ray::_Collector": "collector",
    r"RayTrainWorker": "training worker",
    r"TrainController|PlacementGroupCleaner": "Ray Train's controller",
    r"ProxyActor|ServeController|haproxy": "Ray Serve's proxy and controller",
    r"gcs_server|raylet|dashboard|autoscaler|log_monitor|Agent|ray::Autoscaling|ray::Orders|reaper": "Ray's own",
    r"ray::IDLE|default_worker": "a worker of Ray that waits",
}
"""What the command lines of processes hold, and what they are; the first that fits counts."""


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
    for pid in _family(root):
        try:
            folder = Path(f"/proc/{pid}")
            title = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            memory = (folder / "smaps_rollup").read_text()
            user, system = (folder / "stat").read_text().rpartition(")")[2].split()[11:13]
        except OSError:  # It ended meanwhile.
            continue
        name = next((kind for pattern, kind in KINDS.items() if re.search(pattern, title)), "others")
        kind = kinds[name]
        kind.cpu_ticks[pid] = int(user) + int(system)
        kind.rss_bytes = max(kind.rss_bytes, _of(memory, "Rss"))
        count[name] += 1
        together[name] += _of(memory, "Pss")
    for name, number in count.items():
        kinds[name].most = max(kinds[name].most, number)
        kinds[name].pss_bytes = max(kinds[name].pss_bytes, together[name])
    return together.total()


def _of(memory: str, what: str) -> int:
    return int(re.search(rf"^{what}:\s+(\d+) kB", memory, re.MULTILINE)[1]) * 1024  # type: ignore[index]


def _family(root: int) -> set[int]:
    """The process, and all that descend from it."""
    children: dict[int, list[int]] = defaultdict(list)
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            children[int((folder / "stat").read_text().rpartition(")")[2].split()[1])].append(int(folder.name))
        except OSError:
            continue
    found, new = {root}, [root]
    while new:
        new = [child for parent in new for child in children[parent] if child not in found]
        found.update(new)
    return found
