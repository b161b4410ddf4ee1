"""Sessions: which policy version answers which episode of a robot."""

from collections import Counter, OrderedDict
from collections.abc import Collection
from dataclasses import dataclass

IDLE_LIMIT_S = 60.0
"""After which a session is over."""
MAX_SESSIONS = 10_000
"""Of which the one that was answered least recently is forgotten."""


@dataclass(slots=True)
class _Session:
    version: str
    answered_at: float


class Sessions:
    """A session keeps the version that first answered it for as long as it is active. Times are a clock's that only
    goes on. Not for several threads at once."""

    def __init__(self, *, idle_limit_s: float = IDLE_LIMIT_S, max_sessions: int = MAX_SESSIONS) -> None:
        self._idle_limit_s, self._max_sessions = idle_limit_s, max_sessions
        self._active: OrderedDict[str, _Session] = OrderedDict()
        """Least recently answered first."""
        self._versions: Counter[str] = Counter()

    def version_of(self, name: str, *, now: float) -> str | None:
        """None: it has not begun, or is over."""
        self.expire(now=now)
        session = self._active.get(name)
        return None if session is None else session.version

    def answered(self, name: str, *, version: str, among: Collection[str | None], now: float) -> str:
        """The version that the session keeps: this one, unless another of those that are left answered it first."""
        self.expire(now=now)
        session = self._active.pop(name, None)
        kept = version if session is None or session.version not in among else session.version
        if session is not None:
            self._count(session.version, -1)
        elif len(self._active) == self._max_sessions:
            self._count(self._active.popitem(last=False)[1].version, -1)
        self._active[name] = _Session(version=kept, answered_at=now)
        self._count(kept, 1)
        return kept

    def expire(self, *, now: float) -> None:
        """Forgets those that are over."""
        while self._active:
            name, oldest = next(iter(self._active.items()))
            if now - oldest.answered_at <= self._idle_limit_s:
                return
            del self._active[name]
            self._count(oldest.version, -1)

    def forget(self, version: str) -> None:
        """Its sessions go on with whatever answers them next."""
        for name in [name for name, session in self._active.items() if session.version == version]:
            del self._active[name]
        del self._versions[version]

    def count(self, version: str) -> int:
        """Of those that keep this version."""
        return self._versions[version]

    def __len__(self) -> int:
        return len(self._active)

    def _count(self, version: str, change: int) -> None:
        self._versions[version] += change
        if not self._versions[version]:
            del self._versions[version]
