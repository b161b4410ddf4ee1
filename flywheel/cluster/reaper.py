"""Ends what a process leaves behind, however it ended. Run as a script of its own, it needs nothing but Python.

It reads its standard input until that closes, which happens when the process at the other end is gone, and then kills
every process that has a file open in the folder that it was told. Where there is no /proc it does nothing.
"""

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path


def reap(folder: str) -> None:
    """Kills every process with an open file in the folder, and what these start meanwhile."""
    while found := _holding(os.path.join(folder, "")):
        for process in found:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


def _holding(folder: str) -> set[int]:
    found = set()
    for opened in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if os.readlink(opened).startswith(folder):
                found.add(int(opened.parts[2]))
    return found


if __name__ == "__main__" and (told := sys.stdin.read()):
    reap(told)
