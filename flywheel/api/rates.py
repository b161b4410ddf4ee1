"""Rates: how often one principal may ask."""

from math import ceil
from time import time

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

STRANGERS_SHARE = 0.1
"""Of a principal's rate, for those without a valid token, per address: guessing tokens is slow."""


class Rates:
    """A moving window of a minute per principal, counted in this process."""

    def __init__(self, *, requests_per_minute: int) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._known = RateLimitItemPerMinute(requests_per_minute)
        self._strangers = RateLimitItemPerMinute(ceil(requests_per_minute * STRANGERS_SHARE))

    def admit(self, principal: str) -> int | None:
        """None: go on; else the seconds to wait."""
        return self._hit(self._known, "principal", principal)

    def admit_stranger(self, address: str) -> int | None:
        """For a request without a valid token."""
        return self._hit(self._strangers, "address", address)

    def _hit(self, item: RateLimitItemPerMinute, *who: str) -> int | None:
        if self._limiter.hit(item, *who):
            return None
        return max(1, ceil(self._limiter.get_window_stats(item, *who).reset_time - time()))
