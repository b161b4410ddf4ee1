"""A file over range requests: read at any position without being fetched whole."""

import io
from collections.abc import Callable
from typing import Any

READ_AHEAD_BYTES = 1 << 20
"""Fetched at once, because a reader that asks for a few bytes asks for the next ones soon."""


class RangeFile(io.RawIOBase):
    """Seekable and read-only. Holds its end, where Parquet has its footer, and the last range that was fetched."""

    def __init__(self, *, fetch: Callable[[int, int], bytes], size: int, tail: bytes) -> None:
        """`fetch` takes start and length. `tail`: the last bytes of `size`."""
        self._fetch, self._size = fetch, size
        self._tail_start, self._tail = size - len(tail), tail
        self._start, self._block = 0, b""
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = base + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        data = self._bytes(self._position, min(len(buffer), self._size - self._position))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def _bytes(self, start: int, length: int) -> bytes:
        if length <= 0:
            return b""
        if start >= self._tail_start:
            return self._tail[start - self._tail_start :][:length]
        if not self._start <= start <= start + length <= self._start + len(self._block):
            self._start, self._block = start, self._fetch(start, max(length, READ_AHEAD_BYTES))
        return self._block[start - self._start :][:length]
