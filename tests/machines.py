"""Machines: the tests' side of `cluster.py`."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

from faults import descendants


class Machines:
    """A head that takes no work, and nodes that come and go."""

    def __init__(self, process: "subprocess.Popen[str]", environment: dict[str, str]) -> None:
        self._process = process
        self.address = self._answer()
        """Of the head, for `flywheel run --address`."""
        self.environment = environment
        """Of a process that connects to it."""

    def add(self, role: str, *, num_cpus: int) -> str:
        """A new node's address. `any`: without a role."""
        return self._ask(f"add {role} {num_cpus}")

    def kill(self, address: str) -> None:
        self._ask(f"kill {address}")

    def count(self, title: str) -> int:
        """Processes with this title, on all nodes."""
        return list(descendants(self._process.pid).values()).count(title)

    def _ask(self, line: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        answer = self._process.stdout.readline().strip()
        assert answer, "the cluster's process ended"
        return answer


@contextmanager
def machines(**variables: str) -> Iterator[Machines]:
    """`variables`: environment of all nodes."""
    here = Path(__file__).parent
    environment = {
        **os.environ,
        "PYTHONPATH": f"{here.parent}:{here}",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": token_hex(32),
        "RAY_USAGE_STATS_ENABLED": "0",
        "OMP_NUM_THREADS": "1",
        **variables,
    }
    with subprocess.Popen(
        [sys.executable, str(here / "cluster.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    ) as process:
        yield Machines(process, environment)
        assert process.stdin is not None
        process.stdin.close()
