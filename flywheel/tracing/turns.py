"""TracedTurns: a trace per iteration, with a span for each time that it is turned and one for each stage in it."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import Span, Status, StatusCode, set_span_in_context

from flywheel.tracing.spans import close, facts, provider


def trace_id(identity: str, iteration: int) -> int:
    """The same in every process that turns the iteration. `identity`: of the store."""
    return int.from_bytes(sha256(f"{identity}/{iteration}".encode()).digest()[:16], "big")


class _Ids(RandomIdGenerator):
    """Those of spans are random; that of a trace is the iteration's."""

    def __init__(self, *, identity: str) -> None:
        self._identity = identity
        self.iteration = 0

    def generate_trace_id(self) -> int:
        return trace_id(self._identity, self.iteration)


class TracedTurns:
    """`choice.Turns`, told by the thread that turns the wheel."""

    def __init__(self, *, identity: str) -> None:
        self._ids = _Ids(identity=identity)
        self._provider = provider("supervisor", ids=self._ids)
        self._tracer = self._provider.get_tracer("flywheel")
        self._turn: Span | None = None
        self._stage: Span | None = None

    def began(self, iteration: int) -> None:
        self._close_spans(None)
        self._ids.iteration = iteration
        self._turn = self._tracer.start_span("iteration", context=Context(), attributes=facts(iteration=iteration))

    def ended(self, failure: Exception | None = None) -> None:
        self._close_spans(failure)

    def stage_started(self, iteration: int, stage: str) -> None:
        if self._turn is None or self._ids.iteration != iteration:
            self.began(iteration)
        assert self._turn is not None
        self._stage = self._tracer.start_span(
            str(stage), context=set_span_in_context(self._turn), attributes=facts(iteration=iteration, stage=str(stage))
        )

    def progress(self, done: int, total: int, **figures: float) -> None: ...

    def stage_completed(self, iteration: int, stage: str, outcome: Mapping[str, Any]) -> None:
        told = facts(
            policy_version=outcome.get("policy_id") or outcome.get("behaviour_policy") or outcome.get("live"),
            decision=outcome.get("decision"),
            reason=outcome.get("reason"),
            deployed=outcome.get("deployed"),
            updates=outcome.get("num_updates"),
            episodes=_num_episodes(outcome),
        )
        if self._stage is not None:
            self._stage.set_attributes(told)
            self._stage.end()
            self._stage = None
        if self._turn is not None:
            self._turn.set_attributes({name: told[name] for name in told if name not in ("flywheel.episodes",)})

    def event(self, message: str) -> None:
        span = self._stage or self._turn
        if span is not None:
            span.add_event(message)

    def close(self) -> None:
        self._close_spans(None)
        close(self._provider)

    def _close_spans(self, failure: Exception | None) -> None:
        for span in (self._stage, self._turn):
            if span is None:
                continue
            if failure is not None:
                span.record_exception(failure)
                span.set_status(Status(StatusCode.ERROR, str(failure)))
            span.end()
        self._stage = self._turn = None


def _num_episodes(outcome: Mapping[str, Any]) -> int | None:
    """Of all tasks; None where the stage makes none."""
    tasks = outcome.get("tasks")
    return sum(result["episodes"] for result in tasks.values()) if tasks else None
