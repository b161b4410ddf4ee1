"""Byte ranges: which part of a file a request wants (RFC 9110, of one range)."""

import re
from dataclasses import dataclass

from flywheel.api.problems import RequestRefusedError

WANTED = re.compile(r"\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*", re.IGNORECASE | re.ASCII)
MOST_DIGITS = 18
"""More than any file has bytes."""


@dataclass(frozen=True, kw_only=True)
class ByteRange:
    """A part of a file."""

    start: int
    length: int
    total: int

    @property
    def in_words(self) -> str:
        """For the header Content-Range."""
        return f"bytes {self.start}-{self.start + self.length - 1}/{self.total}"


def wanted_range(header: str | None, *, total: int) -> ByteRange | None:
    """None: all of it, for the header says nothing that is understood. 416: the file has no such bytes."""
    match = WANTED.fullmatch(header or "")
    if match is None or not any(match.groups()) or any(len(number) > MOST_DIGITS for number in match.groups()):
        return None
    first, last = match.groups()
    start = int(first) if first else max(total - int(last), 0)
    end = min(int(last), total - 1) if first and last else total - 1
    if first and last and int(last) < int(first):
        return None
    if start >= total:
        raise RequestRefusedError(
            416, f"the file has {total} bytes, not {header}", headers={"Content-Range": f"bytes */{total}"}
        )
    return ByteRange(start=start, length=end - start + 1, total=total)
