"""Memory and processor time of each pod of the chart: its processes, started here as KubeRay starts them there."""

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any

from benchmarks.processes import MIB, family, file_bytes, seen
from benchmarks.writing import machine, publish, table
from flywheel.backup.parallel import AT_ONCE
from flywheel.client import Flywheel
from flywheel.config import Config, load
from flywheel.core.errors import FlywheelError
from flywheel.hosting.description import serve_config
from flywheel.store import layout
from flywheel.store.blocks import BLOCK_BYTES
from flywheel.store.objects import Objects, open_objects

SCRIPTS = Path(__file__).parent.parent / "helm" / "flywheel" / "files"
NUM_CPUS: Mapping[str, int] = {"head": 0, "serve": 0, "rollout": 2, "train": 2}
"""Groups of the chart, and what a pod of them offers to Ray."""
HEAD_ADDRESS, GCS_PORT, DASHBOARD_PORT, CLIENT_PORT = "127.0.0.2", 16379, 18265, 16001
PROXY_PORT = 18100
OBJECT_STORE_BYTES = 483_183_820
"""As the chart has it."""
LARGE_BYTES = 256 << 20
INTERVAL_S = 3.0
FILES_EVERY = 10
"""Looking at every mapping takes a second; what files of a pod are in memory changes little."""
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
TIMEOUT_S, READY_TIMEOUT_S, END_TIMEOUT_S = 3600.0, 120.0, 20.0
POLL_S = 0.2


@dataclass(kw_only=True)
class Pod:
    """What was seen of one."""

    root: int
    """Its first process."""
    unshared_bytes: int = 0
    """Most at once, without files."""
    files_bytes: int = 0
    began: float = field(default_factory=monotonic)
    until: float = field(default_factory=monotonic)
    """When it was looked at last."""
    cpu_ticks: dict[int, int] = field(default_factory=dict)
    """By process id."""
    kinds: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Kind of process -> most at once, and most bytes of one, without files."""

    @property
    def most_mib(self) -> float:
        return (self.unshared_bytes + self.files_bytes) / MIB

    @property
    def mean_cores(self) -> float:
        return sum(self.cpu_ticks.values()) / TICKS_PER_S / max(self.until - self.began, POLL_S)

    def look(self, *, at_files: bool) -> None:
        """Adds what is there now."""
        pids, self.until = family(self.root), monotonic()
        together, counts = 0, dict[str, int]()
        for pid in pids:
            if (one := seen(pid)) is None:
                continue
            together += one.unshared_bytes
            self.cpu_ticks[pid] = one.cpu_ticks
            counts[one.kind] = counts.get(one.kind, 0) + 1
            most, largest = self.kinds.get(one.kind, (0, 0))
            self.kinds[one.kind] = max(most, counts[one.kind]), max(largest, one.unshared_bytes)
        self.unshared_bytes = max(self.unshared_bytes, together)
        if at_files:
            self.files_bytes = max(self.files_bytes, file_bytes(pids))


def measure(config: Path, store: str, *, storage: int, overrides: list[Mapping[str, Any]]) -> None:
    """Iterations on an empty `s3://` store, whose server is the process `storage`; settings of each one alone.

    Then what is run on the store beside them, a backup of large objects among it.
    """
    before, settings = machine(), load(config)
    with _cluster(settings, store) as (pods, wheel):
        pods["storage"] = Pod(root=storage)
        with _watched({name: pods[name] for name in (*NUM_CPUS, "storage")}):
            for own in overrides:
                made = wheel.iterations.create(overrides=own)
                over = wheel.iterations.wait(made.number, timeout_s=TIMEOUT_S)
                print(f"iteration {over.number}: {over.state} {over.reason}", flush=True)
    with _watched({"storage": pods["storage"]}):
        pods["migrate"] = _ran(["-m", "flywheel.cli", "migrate", store])
        _fill(open_objects(store))
        pods["backup"] = _ran(["-m", "flywheel.cli", "backup", "make", store, f"{store}-vault"])
    _tell(pods, before)


def _fill(objects: Objects) -> None:
    """As many large objects as a backup copies at once. Of logs it copies whatever is there."""
    for number in range(AT_ONCE):
        content = (os.urandom(BLOCK_BYTES),) * (LARGE_BYTES // BLOCK_BYTES)
        objects.put_blocks(f"{layout.LOGS}0000/large-{number}", content)


def _tell(pods: Mapping[str, Pod], before: Mapping[str, Any]) -> None:
    shown = {
        name: {
            "most_mib": round(pod.most_mib),
            "without_files_mib": round(pod.unshared_bytes / MIB),
            "mean_cores": round(pod.mean_cores, 2),
            "kinds": {kind: [most, round(size / MIB)] for kind, (most, size) in sorted(pod.kinds.items())},
        }
        for name, pod in pods.items()
    }
    rows = [
        [name, one["most_mib"], one["without_files_mib"], one["mean_cores"], _words(one["kinds"])]
        for name, one in shown.items()
    ]
    heads = ["pod", "most, MiB", "without files, MiB", "mean cores", "its processes at most: number x MiB of one"]
    publish("pods", title="Pods of the chart", text=table(heads, rows), result={"pods": shown}, before=before)


def _words(kinds: Mapping[str, Any]) -> str:
    return ", ".join(f"{kind} {most} x {size}" for kind, (most, size) in kinds.items())


@contextmanager
def _watched(pods: Mapping[str, Pod]) -> Iterator[None]:
    over = Event()

    def watch() -> None:
        number = 0
        while not over.wait(INTERVAL_S):
            for pod in pods.values():
                pod.look(at_files=number % FILES_EVERY == 0)
            number += 1

    watching = Thread(target=watch)
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join()


def _ran(command: list[str], env: Mapping[str, str] = os.environ) -> Pod:
    with subprocess.Popen([sys.executable, *command], env=env) as process:
        pod = Pod(root=process.pid)
        while process.poll() is None:
            pod.look(at_files=True)
        return pod


@contextmanager
def _cluster(config: Config, store: str) -> Iterator[tuple[dict[str, Pod], Flywheel]]:
    """Pods of Ray on which the service runs, and a client of it."""
    token = f"fw_{secrets.token_hex(32)}"
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="pods-"))
        env = {
            **os.environ,
            "HOME": folder,
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "FLYWHEEL_BOOTSTRAP_TOKEN": token,
            "FLYWHEEL_SIGNING_KEY": secrets.token_hex(32),
        }
        started: dict[str, subprocess.Popen[bytes]] = {}
        stack.callback(_end, started)
        for number, (role, num_cpus) in enumerate(NUM_CPUS.items()):
            started[role] = _started(role, number, num_cpus, folder, env)
        asked = Path(folder, "serve.json")
        asked.write_text(json.dumps(serve_config(config, store)), encoding="utf-8")
        dashboard = {**env, "RAY_DASHBOARD": f"http://{HEAD_ADDRESS}:{DASHBOARD_PORT}"}
        pods = {role: Pod(root=process.pid) for role, process in started.items()}
        pods["submit"] = _ran([str(SCRIPTS / "submit.py"), str(asked)], dashboard)
        url = f"http://127.0.0.1:{config.control.port}"
        wheel = stack.enter_context(Flywheel(url, token, timeout_s=60))
        asked.write_text("{}", encoding="utf-8")
        tested = [str(SCRIPTS / "turn.py"), f"--overrides={asked}", f"--timeout={TIMEOUT_S}", "--plan-only"]
        pods["test"] = _ran(tested, {**env, "FLYWHEEL_URL": url, "FLYWHEEL_TOKEN": token})
        yield pods, wheel


def _started(role: str, number: int, num_cpus: int, folder: str, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """As the container's command does. All are on one machine here, so each has ports of its own."""
    head = [f"--port={GCS_PORT}", "--dashboard-host=0.0.0.0", f"--dashboard-port={DASHBOARD_PORT}"]
    head += ["--head", f"--temp-dir={folder}/ray", f"--ray-client-server-port={CLIENT_PORT}"]
    where = head if role == "head" else [f"--address={HEAD_ADDRESS}:{GCS_PORT}"]
    where.append(f"--node-ip-address=127.0.0.{number + 2}")
    command = ["ray", "start", "--block", *where, f"--num-cpus={num_cpus}", f"--labels=flywheel-role={role}"]
    command += [f"--object-store-memory={OBJECT_STORE_BYTES}", "--min-worker-port=0", "--max-worker-port=0"]
    command += [f"--dashboard-agent-listen-port={52365 + number}", f"--metrics-export-port={18080 + number}"]
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name(command[0])), *command[1:]],
        env={**env, "RAY_SERVE_WORKER_PROXY_HTTP_PORT": str(PROXY_PORT + number)},
        start_new_session=True,
    )
    deadline = monotonic() + READY_TIMEOUT_S
    while not any("raylet/raylet" in one.title for pid in family(process.pid) if (one := seen(pid)) is not None):
        if process.poll() is not None or monotonic() > deadline:
            raise FlywheelError(f"Ray of {role} does not start")
        sleep(POLL_S)
    return process


def _end(started: Mapping[str, subprocess.Popen[bytes]]) -> None:
    for process in reversed(list(started.values())):
        pids = family(process.pid)
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(END_TIMEOUT_S)
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
