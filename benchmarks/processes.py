"""Processes of this machine: who descends from whom, and what their memory is."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

KIB = 1 << 10
MIB = 1 << 20
MAPPING = re.compile(r"^[0-9a-f]+-[0-9a-f]+ \S+ ([0-9a-f]+) \S+ (\d+) +(/.*)?$")

KINDS: Mapping[str, str] = {
    r"hosting\.keeper|flywheel up .*--foreground": "keeper",
    r"hosting\.host": "host",
    r"ServiceSupervisor": "supervisor",
    r"ServeReplica:control": "API",
    r"ServeReplica:flywheel": "policy endpoint",
    r"ray::_Collector": "collector",
    r"RayTrainWorker": "training worker",
    r"TrainController|PlacementGroupCleaner|DatasetManager": "Ray Train's controller",
    r"ProxyActor|ServeController|haproxy": "Ray Serve's proxy and controller",
    r"gcs_server|raylet|ray start|dashboard|autoscaler|log_monitor|Agent|reaper": "Ray's own",
    r"ray::Autoscaling|ray::Orders": "Ray's own",
    r"ray::IDLE|default_worker": "a worker of Ray that waits",
}
"""What the command lines of processes hold, and what they are; the first that fits counts."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A process at one moment."""

    title: str
    rss_bytes: int
    """With pages that others share."""
    pss_bytes: int
    """A page that n processes share counts 1/n."""
    unshared_bytes: int
    """Likewise, without pages of files, which can be read again."""
    cpu_ticks: int

    @property
    def kind(self) -> str:
        return next((kind for pattern, kind in KINDS.items() if re.search(pattern, self.title)), "others")


def seen(pid: int) -> Seen | None:
    """None: it has ended."""
    try:
        folder = Path(f"/proc/{pid}")
        title = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        memory = (folder / "smaps_rollup").read_text()
        user, system = (folder / "stat").read_text().rpartition(")")[2].split()[11:13]
    except OSError:
        return None
    sizes = {name: int(size) * KIB for name, size in re.findall(r"^(\w+):\s+(\d+) kB", memory, re.MULTILINE)}
    return Seen(
        title=title,
        rss_bytes=sizes["Rss"],
        pss_bytes=sizes["Pss"],
        unshared_bytes=sizes["Pss"] - sizes["Pss_File"],
        cpu_ticks=int(user) + int(system),
    )


def family(root: int) -> set[int]:
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


def file_bytes(pids: Iterable[int]) -> int:
    """Of files that the processes have in memory, a file's page counted once for all of them."""
    most: dict[tuple[str, str], int] = {}
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps").read_text().splitlines()
        except OSError:
            continue
        place, rss = None, 0
        for line in lines:
            if found := MAPPING.match(line):
                place = (
                    (found[2], found[1]) if found[2] != "0" and not (found[3] or "").startswith("/dev/shm") else None
                )
            elif place is not None and line.startswith("Rss:"):
                rss = int(line.split()[1]) * KIB
            elif place is not None and line.startswith("Anonymous:"):
                most[place] = max(most.get(place, 0), rss - int(line.split()[1]) * KIB)
    return sum(most.values())
