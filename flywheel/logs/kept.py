"""KeptLogs: what is logged about iterations goes to the store, a few seconds later, in a thread of its own."""

import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import takewhile
from threading import Condition, Thread
from types import TracebackType
from typing import Self

from flywheel.core.errors import FlywheelError
from flywheel.logs.about import about, known
from flywheel.logs.lines import JsonLines
from flywheel.ports import IterationLogs

FLUSH_S = 5.0
"""How long a line waits for others that go with it."""
AGAIN_S = 5.0
"""Before the next attempt, where the store is away."""
MAX_WAITING_BYTES = 2 * 2**20
"""While the store is away; what does not fit is dropped and counted."""
MAX_ITERATION_BYTES = 16 * 2**20
"""Of one iteration, whoever turns it; what comes after is not kept."""


@dataclass(frozen=True, kw_only=True)
class _Line:
    iteration: int
    at: datetime
    data: bytes


class KeptLogs(logging.Handler):
    """Within its block, lines about an iteration are kept. Logging never waits for the store."""

    def __init__(
        self,
        *,
        logs: IterationLogs,
        process: str,
        flush_s: float = FLUSH_S,
        again_s: float = AGAIN_S,
        max_waiting_bytes: int = MAX_WAITING_BYTES,
        max_iteration_bytes: int = MAX_ITERATION_BYTES,
    ) -> None:
        super().__init__()
        self._logs, self._lines = logs, JsonLines(process=process)
        self._flush_s, self._again_s = flush_s, again_s
        self._max_waiting_bytes, self._max_iteration_bytes = max_waiting_bytes, max_iteration_bytes
        self._changed = Condition()
        self._waiting: deque[_Line] = deque()
        self._waiting_bytes = 0
        self._dropped = 0
        self._urgent = self._over = False
        self._sizes: dict[int, int] = {}
        """Bytes that the store has of the iterations that this process logged about."""
        self._thread = Thread(target=self._write_on, name="kept-logs", daemon=True)
        self._level_before = logging.NOTSET

    def __enter__(self) -> Self:
        ours = logging.getLogger("flywheel")
        self._level_before = ours.level
        ours.setLevel(logging.INFO)
        logging.getLogger().addHandler(self)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        logging.getLogger().removeHandler(self)
        logging.getLogger("flywheel").setLevel(self._level_before)
        self.settle(within_s=self._flush_s)
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def emit(self, record: logging.LogRecord) -> None:
        iteration = known().get("iteration")
        if not isinstance(iteration, int):
            return
        try:
            data = self._lines.encoded(record)
        except Exception:  # noqa: BLE001 - logging must not end what it tells of
            self.handleError(record)
            return
        with self._changed:
            if self._waiting_bytes + len(data) > self._max_waiting_bytes:
                self._dropped += 1
                return
            at = datetime.fromtimestamp(record.created, UTC)
            self._waiting.append(_Line(iteration=iteration, at=at, data=data))
            self._waiting_bytes += len(data)
            self._changed.notify_all()

    def settle(self, *, within_s: float) -> bool:
        """Writes what waits without waiting for more. False: the store does not have it all after so long."""
        with self._changed:
            self._urgent = True
            self._changed.notify_all()
            return self._changed.wait_for(lambda: not self._waiting, timeout=within_s)

    def _write_on(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._over)
                if self._over:
                    return
                self._changed.wait_for(lambda: self._urgent or self._over, timeout=self._flush_s)
                self._urgent = False
                lines, dropped = self._first(), self._dropped
            try:
                self._write(lines, dropped)
            except FlywheelError:  # Not logged: it would be the next line that cannot be kept.
                with self._changed:
                    self._changed.wait_for(lambda: self._over, timeout=self._again_s)
                continue
            with self._changed:
                for line in lines:
                    self._waiting.popleft()
                    self._waiting_bytes -= len(line.data)
                self._dropped -= dropped
                self._urgent = self._urgent or bool(self._waiting and self._waiting[0].iteration != lines[0].iteration)
                self._changed.notify_all()

    def _first(self) -> list[_Line]:
        """Those of the same iteration that were logged first."""
        number = self._waiting[0].iteration
        return list(takewhile(lambda line: line.iteration == number, self._waiting))

    def _write(self, lines: Sequence[_Line], dropped: int) -> None:
        """StoreError: the store does not have them."""
        number = lines[0].iteration
        if number not in self._sizes:
            self._sizes = {number: self._logs.num_bytes(number)}
        size, most = self._sizes[number], self._max_iteration_bytes
        if size >= most:
            return
        data = b"".join(line.data for line in lines)
        if dropped:
            data += self._note(number, f"{dropped} lines were dropped here: the store was away for too long")
        if size + len(data) >= most:
            data = data[: data.rfind(b"\n", 0, most - size) + 1]
            data += self._note(number, f"of this iteration no more than {most} bytes are kept")
        self._logs.append(number, data, at=lines[0].at)
        self._sizes[number] = size + len(data)

    def _note(self, number: int, message: str) -> bytes:
        record = logging.makeLogRecord({"name": __name__, "levelno": logging.WARNING, "levelname": "WARNING"})
        record.msg = message
        with about(iteration=number):
            return self._lines.encoded(record)
