"""Ports whose process dies between two calls: what the one did is there, the other has done nothing."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

from flywheel.ports import Ports

UNDYING = ("plan", "contract", "brake", "by", "owner", "rest")
"""What is no port, or does nothing that lasts."""


class KilledError(BaseException):
    """The process is gone: nothing in it may catch this."""


class Clock:
    """Counts moments, and kills at one."""

    def __init__(self, *, dies_at: int | None = None) -> None:
        self.now, self._dies_at = 0, dies_at

    def tick(self) -> None:
        if self.now == self._dies_at:
            raise KilledError
        self.now += 1


class _Mortal:
    """A port with a moment before each call."""

    def __init__(self, port: Any, clock: Clock) -> None:
        self._port, self._clock = port, clock

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._port, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            self._clock.tick()
            return method(*args, **kwargs)

        return call


def mortal(ports: Ports, clock: Clock) -> Ports:
    """The same ports, but no call gets beyond the clock's moment."""
    dressed = {
        field.name: _Mortal(getattr(ports, field.name), clock) for field in fields(ports) if field.name not in UNDYING
    }
    return replace(ports, **dressed)
