"""Choice: whether there are traces, by OpenTelemetry's own variables. Where there are none, it is not even imported."""

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import Any, Protocol

from flywheel.ports import Observer

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
DISABLED = "OTEL_SDK_DISABLED"

Say = Callable[..., None]
"""Adds facts to a span, by their names."""
Context = AbstractContextManager[Say]


class Turns(Observer, Protocol):
    """An Observer that makes a trace of each iteration."""

    def began(self, iteration: int) -> None:
        """It is turned from now on."""
        ...

    def ended(self, failure: Exception | None = None) -> None:
        """What was turned is over, or interrupted, or failed."""
        ...

    def close(self) -> None:
        """Sends what it has, if that takes a moment only."""
        ...


class Requests(Protocol):
    """Makes a span of each request to act."""

    def act(self, headers: Mapping[str, str]) -> Context:
        """Of one request, which goes on from its `traceparent`; a context that gives a `Say`."""
        ...


class NoTurns:
    """`Turns` where nobody collects traces."""

    def began(self, iteration: int) -> None: ...

    def ended(self, failure: Exception | None = None) -> None: ...

    def stage_started(self, iteration: int, stage: str) -> None: ...

    def progress(self, done: int, total: int, **figures: float) -> None: ...

    def stage_completed(self, iteration: int, stage: str, outcome: Mapping[str, Any]) -> None: ...

    def event(self, message: str) -> None: ...

    def close(self) -> None: ...


class NoRequests:
    """`Requests` where nobody collects traces."""

    def act(self, headers: Mapping[str, str]) -> Context:
        return _NOBODY


def turns(identity: Callable[[], str], environ: Mapping[str, str] = os.environ) -> Turns:
    """`identity` of the store is asked for only where there are traces."""
    if not wanted(environ):
        return NoTurns()
    made: Turns = import_module("flywheel.tracing.turns").TracedTurns(identity=identity())
    return made


def requests(environ: Mapping[str, str] = os.environ) -> Requests:
    if not wanted(environ):
        return NoRequests()
    made: Requests = import_module("flywheel.tracing.requests").TracedRequests()
    return made


def wanted(environ: Mapping[str, str]) -> bool:
    """Whether an OTLP endpoint is set and OpenTelemetry is not turned off."""
    return any(environ.get(name) for name in ENDPOINTS) and environ.get(DISABLED, "").strip().lower() != "true"


def _unheard(**facts: object) -> None: ...


_NOBODY: Context = nullcontext(_unheard)
"""Made once: every request to act would pay for another."""
