"""Keeper: keeps a host alive: starts another when one dies. It imports next to nothing, so that little can end it.

python -m flywheel.hosting.keeper FILE
"""

import logging
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from threading import Event
from time import monotonic

from flywheel.logs import output

MAX_DEATHS, WITHIN_S = 5, 600.0
"""More deaths than this within so long are no accident."""
PAUSE_S = 1.0

log = logging.getLogger("flywheel.hosting.keeper")  # As a process of its own, its name is __main__.


def keep(command: Sequence[str], *, over: Event) -> int:
    """Until `over` is set, or the host ends by itself, or dies too often. The exit code."""
    deaths: deque[float] = deque(maxlen=MAX_DEATHS)
    while True:
        child = subprocess.Popen(command)
        while child.poll() is None and not over.is_set():
            over.wait(PAUSE_S / 4)
        if over.is_set():
            child.terminate()
            return child.wait()
        if child.returncode == 0:
            return 0
        log.error("the host died with exit code %d", child.returncode)
        deaths.append(monotonic())
        if len(deaths) == MAX_DEATHS and deaths[-1] - deaths[0] < WITHIN_S:
            log.error("%d hosts died within %g s: this service ends", MAX_DEATHS, WITHIN_S)
            return 1
        over.wait(PAUSE_S)


def hosting(asked: str) -> list[str]:
    """The command that is a host of what the file asks for."""
    return [sys.executable, "-m", "flywheel.hosting.host", asked]


def main() -> None:
    output.start("keeper")
    over = Event()
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda *_: over.set())
    sys.exit(keep(hosting(sys.argv[1]), over=over))


if __name__ == "__main__":
    main()
