"""Owns OTLP as JSON: protobuf as JSON, but ids are hex and enums are numbers; unknown fields are ignored."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

from pilothouse.kernel import UsageError
from pilothouse.telemetry import plain
from pilothouse.traces.otlp.rows import Foreign, Rows, events_and_links

__all__ = ["read_json"]

DEEP = 4


def read_json(body: bytes, rows: Rows) -> None:
    """Add the spans of an export request.

    Raises:
        UsageError: ``traces.otlp``: no JSON, or no object with ``resourceSpans``.
    """
    try:
        request: object = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the body is no JSON: {error}", code="traces.otlp") from error
    if not isinstance(request, dict):
        raise UsageError("the body is no object with `resourceSpans`", code="traces.otlp")
    for resource_spans in _objects(cast("Mapping[str, Any]", request), "resourceSpans"):
        resource = _attributes(_object(resource_spans, "resource"))
        for scope_spans in _objects(resource_spans, "scopeSpans"):
            scope = _object(scope_spans, "scope")
            rows.source(resource, _text(scope, "name"), _text(scope, "version"))
            for span in _objects(scope_spans, "spans"):
                try:
                    rows.add(_span(span))
                except (ValueError, OverflowError):
                    rows.reject("a span has an id that is no hex, or a time that is no number")


def _span(span: Mapping[str, Any]) -> Foreign:
    status = _object(span, "status")
    events: list[dict[str, object]] = [
        {
            "name": _text(event, "name")[:256],
            "at": _number(event, "timeUnixNano"),
            "attributes": plain(_attributes(event)),
        }
        for event in _objects(span, "events")
    ]
    links: list[dict[str, object]] = [
        {
            "trace": _hex(link, "traceId"),
            "span": _hex(link, "spanId"),
            "attributes": plain(_attributes(link)),
        }
        for link in _objects(span, "links")
    ]
    return Foreign(
        trace=_hex(span, "traceId"),
        id=_hex(span, "spanId"),
        parent=_hex(span, "parentSpanId"),
        name=_text(span, "name"),
        kind=_number(span, "kind"),
        start=_number(span, "startTimeUnixNano"),
        end=_number(span, "endTimeUnixNano"),
        status=_number(status, "code"),
        message=_text(status, "message"),
        attributes=_attributes(span),
        more=events_and_links(events, links, _text(span, "traceState")),
    )


def _objects(holder: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    value: object = holder.get(name)
    if isinstance(value, list):
        for item in cast("list[object]", value):
            if isinstance(item, dict):
                yield cast("Mapping[str, Any]", item)


def _object(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value: object = holder.get(name)
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


def _text(holder: Mapping[str, Any], name: str) -> str:
    value: object = holder.get(name)
    return value if isinstance(value, str) else ""


def _number(holder: Mapping[str, Any], name: str) -> int:
    """Return a number; JSON writes 64 bits as text."""
    value: object = holder.get(name, 0)
    if isinstance(value, str) and len(value) <= 20:
        return int(value)
    if isinstance(value, int | float):
        return int(value)
    raise ValueError(name)


def _hex(holder: Mapping[str, Any], name: str) -> str:
    text = _text(holder, name)
    return bytes.fromhex(text).hex()


def _attributes(holder: Mapping[str, Any]) -> dict[str, object]:
    return {_text(item, "key"): _value(_object(item, "value"), 0) for item in _objects(holder, "attributes")}


def _value(value: Mapping[str, Any], depth: int) -> object:
    for name in ("stringValue", "boolValue", "doubleValue"):
        if name in value:
            found: object = value[name]
            return found if isinstance(found, str | bool | int | float) else None
    if "intValue" in value:
        return _number(value, "intValue")
    if "arrayValue" in value and depth < DEEP:
        items = _objects(_object(value, "arrayValue"), "values")
        return [_value(item, depth + 1) for item in items]
    return None
