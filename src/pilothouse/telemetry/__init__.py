"""Telemetry owns emitting: everyone may write a span, only ``traces`` reads them."""

from pilothouse.telemetry.spans import Sink, SpanRecord, bind_sink, current_span, span

__all__ = ["Sink", "SpanRecord", "bind_sink", "current_span", "span"]
