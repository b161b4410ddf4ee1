"""Blocks: objects read piece by piece, so that memory does not grow with them."""

from collections import deque
from collections.abc import Iterable, Iterator
from hashlib import sha256

from flywheel.core.errors import StoreError
from flywheel.store.objects import Objects

BLOCK_BYTES = 8 << 20
"""S3 takes no parts below 5 MiB, and no more than 10,000 of them: objects up to 80 GB."""


def blocks(objects: Objects, key: str) -> Iterator[bytes]:
    """All of one size, but for the last. NotFoundError: no such object. Not for objects that are replaced."""
    start = 0
    while True:
        block = objects.get_range(key, start, BLOCK_BYTES)
        start += len(block)
        if block:
            yield block
        if len(block) < BLOCK_BYTES:
            return


class Hashed:
    """Blocks on their way, and what they add up to once all went by."""

    def __init__(self, content: Iterable[bytes], *, promised: str | None, wrong: str) -> None:
        """Where a sha256 is promised and they have another one, a StoreError says what is `wrong`, at their end."""
        self._content, self._sha256 = content, sha256()
        self._promised, self._wrong = promised, wrong
        self.num_bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        for block in self._content:
            self._sha256.update(block)
            self.num_bytes += len(block)
            yield block
        if self._promised not in (None, self.digest):
            raise StoreError(self._wrong)

    @property
    def digest(self) -> str:
        return self._sha256.hexdigest()

    def last(self) -> bytes:
        """Lets them all go by; the last one, which is everything where there is one."""
        found = deque(self, maxlen=1)
        return found[0] if found else b""
