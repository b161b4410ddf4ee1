"""Logs of iterations: objects of JSON lines whose names sort by time and hold the digest of what is in them."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Self

from flywheel.core.errors import ConfigError, NotFoundError, RecordExistsError, StoreError
from flywheel.core.log_line import Level, LogLine
from flywheel.ports import LogPage
from flywheel.store import layout
from flywheel.store.objects import Objects
from flywheel.store.retries import Patience

LOGS_PATIENCE = Patience(deadline_s=1.0, attempt_s=5.0)
"""Short: what cannot be written now waits in memory."""
OBJECTS_PER_PAGE = 100
ENDING = ".jsonl"


class ObjectLogs:
    """`ports.IterationLogs`. Several processes never write one object, unless they say the same at the same time."""

    def __init__(self, *, objects: Objects) -> None:
        self._objects = objects

    def append(self, iteration: int, lines: bytes, *, at: datetime) -> None:
        key = f"{layout.logs(iteration)}{at:%Y%m%dT%H%M%S.%fZ}-{_digest(lines)}{ENDING}"
        with suppress(RecordExistsError):
            self._objects.put_if_absent(key, lines)

    def num_bytes(self, iteration: int) -> int:
        return sum(entry.num_bytes for entry in self._objects.entries(layout.logs(iteration)))

    def page(
        self,
        iteration: int,
        *,
        size: int,
        after: str | None = None,
        level: Level | None = None,
        stage: str | None = None,
    ) -> LogPage:
        last = _Place.of(after) if after is not None else _Place("", -1)
        keys = [key for key in self._objects.keys(layout.logs(iteration)) if _name(key) >= last.name]
        found: list[LogLine] = []
        for key in keys[:OBJECTS_PER_PAGE]:
            for index, line in enumerate(self._lines(key)):
                place = _Place(_name(key), index)
                if place <= last or (level and not line.level.reaches(level)) or stage not in (None, line.stage):
                    continue
                if len(found) == size:
                    return LogPage(lines=found, after=str(last))
                found.append(line)
                last = place
        if len(keys) > OBJECTS_PER_PAGE:
            return LogPage(lines=found, after=str(_Place(_name(keys[OBJECTS_PER_PAGE]), -1)))
        return LogPage(lines=found, after=None)

    def _lines(self, key: str) -> Iterator[LogLine]:
        try:
            yield from lines_in(self._objects.get(key), key=key)
        except NotFoundError:  # Garbage since it was listed.
            return


def lines_in(data: bytes, *, key: str) -> list[LogLine]:
    """What an object holds. StoreError: it is not what was written under its name."""
    if not _name(key).endswith(f"-{_digest(data)}{ENDING}"):
        raise StoreError(f"{key}: damaged: its digest is not that of its name: see `flywheel data verify`")
    try:
        return [LogLine.of(json.loads(line)) for line in data.splitlines()]
    except (ValueError, KeyError, TypeError) as failure:
        raise StoreError(f"{key}: not lines that flywheel logs: {failure!r}") from failure


@dataclass(frozen=True, order=True)
class _Place:
    """A line. Places sort as lines do."""

    name: str
    """Of its object."""
    index: int

    @classmethod
    def of(cls, text: str) -> Self:
        """ConfigError: it is no place."""
        name, _, index = text.partition("/")
        try:
            return cls(name, int(index))
        except ValueError as failure:
            raise ConfigError(f"{text!r} is no place in a log") from failure

    def __str__(self) -> str:
        return f"{self.name}/{self.index}"


def _name(key: str) -> str:
    return key.rpartition("/")[2]


def _digest(data: bytes) -> str:
    return sha256(data).hexdigest()[:16]
