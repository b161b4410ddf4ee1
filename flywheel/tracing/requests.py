"""TracedRequests: a span for each request to act, in the trace of whoever asks."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from flywheel.tracing.choice import Say
from flywheel.tracing.spans import facts, provider


class TracedRequests:
    """`choice.Requests`."""

    def __init__(self) -> None:
        self._tracer = provider("endpoint").get_tracer("flywheel")
        self._callers = TraceContextTextMapPropagator()

    @contextmanager
    def act(self, headers: Mapping[str, str]) -> Iterator[Say]:
        """What is raised within makes it a failed one."""
        caller = self._callers.extract(headers)
        with self._tracer.start_as_current_span("act", context=caller, kind=SpanKind.SERVER) as span:
            yield lambda **said: span.set_attributes(facts(**said))
