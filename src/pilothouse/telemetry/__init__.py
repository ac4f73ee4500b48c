"""Telemetry owns emitting: everyone may write a span, only ``traces`` reads them."""

from pilothouse.telemetry.context import outgoing, parse_traceparent, traceparent
from pilothouse.telemetry.names import (
    AGENT,
    CALLS,
    OPERATION,
    OUTCOME,
    SEGMENT,
    STEP,
    STEP_KEY,
    SUMMED,
)
from pilothouse.telemetry.redaction import CONTENT, plain
from pilothouse.telemetry.spans import (
    AttributeValue,
    Kind,
    Sink,
    SpanRecord,
    bind_sink,
    current_span,
    span,
)

__all__ = [
    "AGENT",
    "CALLS",
    "CONTENT",
    "OPERATION",
    "OUTCOME",
    "SEGMENT",
    "STEP",
    "STEP_KEY",
    "SUMMED",
    "AttributeValue",
    "Kind",
    "Sink",
    "SpanRecord",
    "bind_sink",
    "current_span",
    "outgoing",
    "parse_traceparent",
    "plain",
    "span",
    "traceparent",
]
