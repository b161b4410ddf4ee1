"""Spans: where they go. The rest of OpenTelemetry's variables mean what its documents say."""

from collections.abc import Mapping
from threading import Thread

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.util.types import AttributeValue

from flywheel.core.code_version import CODE_VERSION

CLOSE_S = 2.0


def provider(process: str, *, ids: IdGenerator | None = None) -> TracerProvider:
    """Of this process. Spans wait in a bounded queue; a thread sends them, and a collector that is away loses them."""
    found = OTELResourceDetector().detect().attributes
    ours = {"service.name": "flywheel", "service.version": CODE_VERSION, "flywheel.process": process}
    # Not at exit: a collector that is away would hold up the end of the process.
    made = TracerProvider(resource=Resource.create({**ours, **found}), id_generator=ids, shutdown_on_exit=False)
    made.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return made


def close(made: TracerProvider) -> None:
    """Sends what waits, but goes on after a moment."""
    closing = Thread(target=made.shutdown, daemon=True)
    closing.start()
    closing.join(CLOSE_S)


def facts(**values: object) -> Mapping[str, AttributeValue]:
    """As attributes; what is not known is left out."""
    return {
        f"flywheel.{name}": value
        for name, value in values.items()
        if isinstance(value, str | bool | int | float) and value != ""
    }
