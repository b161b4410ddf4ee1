"""A folder whose writer is killed."""

from threading import Lock

from mortal import KilledError

from flywheel.store.folder import LocalFolder


class DyingFolder(LocalFolder):
    """The process dies instead of its n-th write, and writes nothing after it."""

    def __init__(self, *, root, writes):
        super().__init__(root=root)
        self._left, self._lock = writes, Lock()

    def put_blocks(self, key, content):
        self._tick()
        super().put_blocks(key, content)

    def put_if_absent(self, key, data):
        self._tick()
        super().put_if_absent(key, data)

    def _tick(self):
        with self._lock:
            if not self._left:
                raise KilledError
            self._left -= 1
