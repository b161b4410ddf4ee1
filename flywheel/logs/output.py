"""Output: where a process of the service writes its lines: a file that several share, else its standard error."""

import logging
import os
import sys
import threading
from types import TracebackType

from flywheel.logs.lines import JsonLines

VARIABLE = "FLYWHEEL_LOG"
"""The variable that names the file; whoever starts processes sets it for them."""
STDERR = 2

log = logging.getLogger("flywheel.process")


class Output(logging.Handler):
    """Writes each line in one go, so that lines of several processes do not mix in one file."""

    def __init__(self, *, process: str, descriptor: int) -> None:
        super().__init__()
        self._lines, self._descriptor = JsonLines(process=process), descriptor

    def close(self) -> None:
        super().close()
        if self._descriptor != STDERR:
            os.close(self._descriptor)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            os.write(self._descriptor, self._lines.encoded(record))
        except Exception:  # noqa: BLE001 - logging must not end what it tells of
            self.handleError(record)


def start(process: str) -> None:
    """This process logs as part of the service from now on: ours from INFO, other libraries' from WARNING.

    Not theirs from INFO: they name every address that they ask, and webhooks' addresses may hold keys.
    """
    root, path = logging.getLogger(), os.environ.get(VARIABLE)
    descriptor = STDERR if path is None else os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    earlier = [handler for handler in root.handlers if isinstance(handler, Output)]
    for before in earlier:
        root.removeHandler(before)
        before.close()
    root.addHandler(Output(process=process, descriptor=descriptor))
    root.setLevel(logging.WARNING)
    logging.getLogger("flywheel").setLevel(logging.INFO)
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda args: _uncaught(args.exc_type, args.exc_value, args.exc_traceback)
    if not earlier:
        log.info("%s starts", process)


def take_over(*loggers: str) -> None:
    """What these libraries' loggers print by themselves becomes lines like all others, from WARNING."""
    for name in loggers:
        theirs = logging.getLogger(name)
        theirs.handlers.clear()
        theirs.propagate = True
        theirs.setLevel(logging.WARNING)


def _uncaught(kind: type[BaseException], failure: BaseException | None, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt | SystemExit) or failure is None:
        return
    log.critical("nobody caught %s: %s", kind.__name__, failure, exc_info=(kind, failure, trace))
