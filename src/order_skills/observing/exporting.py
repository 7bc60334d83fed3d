"""OpenTelemetry's SDK, set up by its own standard variables: OTLP over HTTP, pushed.

Nothing listens here: metrics cannot be read by whoever reaches a port. What a client or an
exception could write into a span of the MCP library is taken out before it leaves.
"""

import logging
import re
import uuid
from collections.abc import Mapping, Sequence

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanContext, Status

from order_skills import __version__
from order_skills.observing.telemetry import Telemetry

NAME = "order-skills"
# Methods, tools, templates, and a client's id of its request; one blank between two of them.
_WORD = r"[A-Za-z0-9_.:/{}()$-]{0,100}"
_HARMLESS = re.compile(f"{_WORD}( {_WORD})?")
_OTHER = "(other)"


def start() -> Telemetry:
    """Begin to send traces and metrics to the collector that the environment names."""
    # While a collector is away every attempt would warn; that a batch was given up is an error.
    logging.getLogger("opentelemetry.exporter").setLevel(logging.ERROR)
    resource = _resource()
    spans = TracerProvider(resource=resource, shutdown_on_exit=False)
    spans.add_span_processor(BatchSpanProcessor(Cleaned(OTLPSpanExporter())))
    # The MCP library makes its spans with the provider of the process.
    trace.set_tracer_provider(spans)
    meters = MeterProvider(
        [PeriodicExportingMetricReader(OTLPMetricExporter())],
        resource,
        shutdown_on_exit=False,
    )

    def flush() -> None:
        spans.shutdown()
        meters.shutdown()

    return Telemetry(
        spans.get_tracer("order_skills", __version__),
        meters.get_meter("order_skills", __version__),
        flush,
    )


def _resource() -> Resource:
    ours = {
        "service.name": NAME,
        "service.version": __version__,
        # Which replica it was; one that ends and starts again is another.
        "service.instance.id": str(uuid.uuid4()),
    }
    return Resource.create({**ours, **OTELResourceDetector().detect().attributes})


class Cleaned(SpanExporter):
    """Hands spans on without the texts of exceptions and without what a client made up."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Hand these spans on, cleaned."""
        return self._inner.export([cleaned(span) for span in spans])

    def shutdown(self) -> None:
        """End."""
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what is held back."""
        return self._inner.force_flush(timeout_millis)


def cleaned(span: ReadableSpan) -> ReadableSpan:
    """The span without events, whose texts may quote a request, and with harmless words alone."""
    return ReadableSpan(
        name=_harmless(span.name),
        context=_without_state(span.context),
        parent=span.parent,
        resource=span.resource,
        attributes=_harmless_ones(span.attributes or {}),
        links=span.links,
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _without_state(context: SpanContext) -> SpanContext:
    """The same without `tracestate`, which a client may fill with anything."""
    return SpanContext(context.trace_id, context.span_id, context.is_remote, context.trace_flags)


def _harmless_ones(attributes: Mapping[str, object]) -> dict[str, bool | int | float | str]:
    return {
        name: value if isinstance(value, bool | int | float) else _harmless(str(value))
        for name, value in attributes.items()
    }


def _harmless(text: str) -> str:
    return text if _HARMLESS.fullmatch(text) else _OTHER
