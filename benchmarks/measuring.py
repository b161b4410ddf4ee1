"""Figures of one piece of work in a process of its own: processor seconds, memory, bytes read."""

import multiprocessing
import resource
import traceback
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from time import process_time
from typing import Any


def alone(work: Callable[..., Mapping[str, Any]], **arguments: Any) -> dict[str, Any]:
    """What `work` says, from a new process; it must be a function of a module. RuntimeError: it raised."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_run, args=(theirs, work, arguments), daemon=True)
    process.start()
    theirs.close()
    said: dict[str, Any] | str = ours.recv()
    process.join()
    if isinstance(said, str):
        raise RuntimeError(said)
    return said


def _run(connection: Connection, work: Callable[..., Mapping[str, Any]], arguments: Mapping[str, Any]) -> None:
    try:
        connection.send(dict(work(**arguments)))
    except BaseException:  # noqa: BLE001 - the other process raises it again
        connection.send(traceback.format_exc())


class Meter:
    """What was spent since it was made."""

    def __init__(self) -> None:
        self._read, self._began = _read_bytes(), process_time()

    @property
    def cpu_s(self) -> float:
        """Of all threads."""
        return process_time() - self._began

    @property
    def read_bytes(self) -> int:
        """From files, whether or not the operating system had them in memory."""
        return _read_bytes() - self._read


def memory_bytes() -> int:
    """Resident memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def forget_peak() -> None:
    """The peak is what comes from now on."""
    Path("/proc/self/clear_refs").write_text("5")


def peak_memory_bytes() -> int:
    """Most resident memory that this process had."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) * 1024


def _read_bytes() -> int:
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("rchar:"))
