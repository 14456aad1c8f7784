"""Events as spans of OpenTelemetry."""

import time
from typing import Final

from temporal_claimcheck.errors import ClaimCheckError, MissingExtra
from temporal_claimcheck.events import Event, Failed, Offloaded, Retrieved
from temporal_claimcheck.tracing.parents import CURRENT_PARENT

try:
    from opentelemetry.context import Context, get_current
    from opentelemetry.trace import (
        Span,
        SpanKind,
        StatusCode,
        TracerProvider,
        get_current_span,
        get_tracer,
    )
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ModuleNotFoundError as error:
    raise MissingExtra(
        "Spans need the package opentelemetry-api.",
        remedy="Run: pip install 'temporal-claimcheck[otel]'",
    ) from error

__all__ = ["OpenTelemetryObserver"]

_NANOSECONDS: Final = 1_000_000_000
_UNEXPECTED: Final = "unexpected"


class OpenTelemetryObserver:
    """Makes a span of each exchange: `claimcheck.offload`, `claimcheck.retrieve`, and so on.

    While a worker decodes and encodes, it belongs to the trace that the task came with; elsewhere
    it is a child of the current span. Its attributes are names, sizes and the key, never content.
    Safe for several threads.
    """

    def __init__(
        self, *, tracer_provider: TracerProvider | None = None, always: bool = False
    ) -> None:
        """Make spans with the provider, or with the global one.

        Without a trace to belong to there is no span, unless `always` is set.
        """
        self._tracer = get_tracer("temporal_claimcheck", tracer_provider=tracer_provider)
        self._propagator = TraceContextTextMapPropagator()
        self._always = always

    def observe(self, event: Event) -> None:
        """Make a span of an exchange that has just ended."""
        if not isinstance(event, Offloaded | Retrieved | Failed):
            return
        context = self._parent()
        if context is None and not self._always:
            return
        ended = time.time_ns()
        span = self._tracer.start_span(
            f"claimcheck.{_operation_of(event)}",
            context=context,
            kind=SpanKind.CLIENT,
            start_time=ended - int(event.seconds * _NANOSECONDS),
        )
        if span.is_recording():
            _describe(span, event)
        span.end(ended)

    def _parent(self) -> Context | None:
        """Return the context to be a child of."""
        # First what the task came with: a worker may have been started inside of a span, which
        # then is the current one for all that it does beside the code of activities.
        carrier = CURRENT_PARENT.get()
        if carrier is not None:
            context = self._propagator.extract(carrier, context=Context())
            if get_current_span(context).get_span_context().is_valid:
                return context
        return get_current() if get_current_span().get_span_context().is_valid else None


def _operation_of(event: Offloaded | Retrieved | Failed) -> str:
    match event:
        case Offloaded():
            return "offload"
        case Retrieved():
            return "retrieve"
        case Failed():
            return event.operation


def _describe(span: Span, event: Offloaded | Retrieved | Failed) -> None:
    span.set_attribute("claimcheck.namespace", event.namespace)
    if event.key is not None:
        span.set_attribute("claimcheck.key", event.key)
    match event:
        case Offloaded():
            span.set_attribute("claimcheck.outcome", event.outcome.value)
            span.set_attribute("claimcheck.payload_bytes", event.payload_bytes)
            span.set_attribute("claimcheck.stored_bytes", event.stored_bytes)
        case Retrieved():
            span.set_attribute("claimcheck.source", "cache" if event.from_cache else "store")
            span.set_attribute("claimcheck.payload_bytes", event.payload_bytes)
        case Failed(error=error):
            # Not its message: that of a foreign error may say anything.
            code = error.code if isinstance(error, ClaimCheckError) else _UNEXPECTED
            span.set_attribute("error.type", code)
            span.set_status(StatusCode.ERROR, code)
