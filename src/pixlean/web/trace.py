"""OpenTelemetry traces, where the usual ``OTEL_*`` variables say where to; needs the optional extra ``otel``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pixlean.domain.version import VERSION
from pixlean.web.middleware import Finished

# Steps in the order in which they happen; their spans are laid end to end from the request's begin.
_ORDER = ("fetch", "cache", "queue", "probe", "encode", "verify", "estimate", "store")


class Tracer:
    """An observer that makes a span of each request and one of each of its steps.

    The exporter, its endpoint and the sampler are chosen by the SDK from the environment.
    """

    def __init__(self) -> None:
        """Start the SDK. Raises ``ImportError`` where the extra is not installed."""
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        resource = Resource.create({"service.name": "pixlean", "service.version": VERSION})
        self._provider = TracerProvider(resource=resource)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer: Any = self._provider.get_tracer("pixlean", VERSION)

    def __call__(self, finished: Finished) -> None:
        """Make the spans of a request; a ``traceparent`` header makes them part of the caller's trace."""
        from opentelemetry import trace
        from opentelemetry.propagate import extract

        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in finished.headers}
        account = finished.account
        began = int(finished.began_at * 1e9)
        span = self._tracer.start_span(
            f"{finished.verb} {account.route or 'other'}",
            context=extract({name: headers[name] for name in ("traceparent", "tracestate") if name in headers}),
            kind=trace.SpanKind.SERVER,
            start_time=began,
            attributes={
                "http.request.method": finished.verb,
                "http.route": account.route,
                "http.response.status_code": finished.status,
                "pixlean.request_id": finished.request_id,
                "pixlean.dialect": account.dialect,
                "pixlean.format": account.format,
                "pixlean.method": account.method,
            },
        )
        inside, at = trace.set_span_in_context(span), began
        for name in sorted(account.seconds, key=lambda step: _ORDER.index(step) if step in _ORDER else len(_ORDER)):
            length = int(account.seconds[name] * 1e9)
            self._tracer.start_span(name, context=inside, start_time=at).end(end_time=at + length)
            at += length
        span.end(end_time=began + int(finished.seconds * 1e9))

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()


def tracer_if(wanted: bool, complain: Callable[[str], None]) -> Tracer | None:
    """A tracer where one is wanted and can be had; complains where it can't."""
    if not wanted:
        return None
    try:
        return Tracer()
    except ImportError:
        complain("OTEL_* is set, but the extra is not installed: pip install 'pixlean[otel]'")
        return None
