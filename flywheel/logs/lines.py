"""Lines: a record of Python's logging as a line of JSON, and such a line in words."""

import json
import logging
from datetime import UTC, datetime

from flywheel.core.log_line import LogLine
from flywheel.logs.about import known


class JsonLines(logging.Formatter):
    """Adds what the line is about, so it must format in the thread that logs."""

    def __init__(self, *, process: str) -> None:
        """`process`: what this process is, for who reads the lines of several."""
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """Without a line break, whatever the message holds."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "process": self._process,
            "pid": record.process,
            **known(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)

    def encoded(self, record: logging.LogRecord) -> bytes:
        """With its line break. Half a character, as names of files may hold, becomes JSON's escape of it."""
        return (self.format(record) + "\n").encode(errors="backslashreplace")


def in_words(line: LogLine) -> str:
    """For people: the time of day, what was said, and what it was about where the message does not say it."""
    place = " ".join(
        str(fact) for fact in (line.stage, line.policy_version, line.episode) if fact and str(fact) not in line.message
    )
    said = f"{line.time[11:19]}  {line.level:<8} {line.message}{f'  ({place})' if place else ''}"
    return said if line.exception is None else f"{said}\n{line.exception}"


def readable(line: str) -> str:
    """In words; what is no line of ours, as it is."""
    try:
        return in_words(LogLine.of(json.loads(line)))
    except (ValueError, KeyError, TypeError):
        return line
