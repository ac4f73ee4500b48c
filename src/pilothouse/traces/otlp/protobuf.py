"""Owns OTLP as protobuf, decoded by the public message classes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pilothouse.kernel import UsageError
from pilothouse.telemetry import plain
from pilothouse.traces.otlp.rows import Foreign, Rows, events_and_links

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

__all__ = ["partial_success", "read_protobuf"]

DEEP = 4


def read_protobuf(body: bytes, rows: Rows) -> None:
    """Add the spans of an ``ExportTraceServiceRequest``.

    Raises:
        UsageError: ``traces.otlp``.
    """
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    request = ExportTraceServiceRequest()
    try:
        request.ParseFromString(body)
    except DecodeError as error:
        raise UsageError(
            f"the body is no ExportTraceServiceRequest: {error}; send OTLP as protobuf or JSON",
            code="traces.otlp",
        ) from error
    for resource_spans in request.resource_spans:
        resource = _attributes(resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            rows.source(resource, scope_spans.scope.name, scope_spans.scope.version)
            for span in scope_spans.spans:
                rows.add(_span(span))


def _span(span: Span) -> Foreign:
    status = span.status
    found = Foreign(
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        name=span.name,
        kind=span.kind,
        start=span.start_time_unix_nano,
        end=span.end_time_unix_nano,
        status=status.code,
        message=status.message,
        attributes=_attributes(span.attributes),
    )
    if span.events or span.links or span.trace_state:
        events: list[dict[str, object]] = [
            {
                "name": event.name[:256],
                "at": event.time_unix_nano,
                "attributes": plain(_attributes(event.attributes)),
            }
            for event in span.events
        ]
        links: list[dict[str, object]] = [
            {
                "trace": link.trace_id.hex(),
                "span": link.span_id.hex(),
                "attributes": plain(_attributes(link.attributes)),
            }
            for link in span.links
        ]
        found.more = events_and_links(events, links, span.trace_state)
    return found


def _attributes(items: Iterable[KeyValue]) -> dict[str, object]:
    found: dict[str, object] = {}
    for item in items:
        value = item.value
        kind = value.WhichOneof("value")
        # Most are text: one look instead of a call.
        found[item.key] = value.string_value if kind == "string_value" else _value(value, kind, 0)
    return found


def _value(value: AnyValue, kind: str | None, depth: int) -> object:
    if kind == "string_value":
        return value.string_value
    if kind == "int_value":
        return value.int_value
    if kind == "bool_value":
        return value.bool_value
    if kind == "double_value":
        return value.double_value
    if kind == "array_value" and depth < DEEP:
        return [_value(one, one.WhichOneof("value"), depth + 1) for one in value.array_value.values]
    # Bytes and nested lists of pairs are content, not names.
    return None


def partial_success(rejected: int, why: str) -> bytes:
    """Return an ``ExportTraceServiceResponse`` that says how many spans were not stored."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
        ExportTracePartialSuccess,
        ExportTraceServiceResponse,
    )

    partial = ExportTracePartialSuccess(rejected_spans=rejected, error_message=why)
    return ExportTraceServiceResponse(partial_success=partial).SerializeToString()
