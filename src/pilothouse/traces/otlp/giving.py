"""Owns what of our spans may be handed on: names, codes, counts and times; no text that was read."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from pilothouse.traces.reading import next_page
from pilothouse.traces.types import SpanFilter, StoredSpan

if TYPE_CHECKING:
    from pilothouse.kernel import Principal
    from pilothouse.traces.reading import Reading

__all__ = ["GIVEN", "given", "otlp_lines", "request_of"]

KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
GIVEN: Final = frozenset(
    {
        "error.type", "gen_ai.agent.name", "gen_ai.agent.version", "gen_ai.operation.name",
        "gen_ai.provider.name", "gen_ai.request.max_tokens", "gen_ai.request.model",
        "gen_ai.request.temperature", "gen_ai.response.finish_reasons", "gen_ai.response.model",
        "gen_ai.system", "gen_ai.tool.name", "gen_ai.tool.type", "gen_ai.usage.cached_tokens",
        "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "http.response.status_code",
        "pilothouse.attempts", "pilothouse.cost", "pilothouse.epoch", "pilothouse.executor",
        "pilothouse.kind", "pilothouse.label.integrity", "pilothouse.outcome", "pilothouse.provider",
        "pilothouse.route", "pilothouse.rows", "pilothouse.segment", "pilothouse.source", "pilothouse.step",
        "pilothouse.step.kind", "pilothouse.step.name", "pilothouse.task", "pilothouse.tier",
        "pilothouse.tool", "pilothouse.tries", "pilothouse.version",
    }
)  # fmt: skip
"""Attributes that may leave: what code wrote, never what was read; whatever is not named here stays."""


def given(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes that may leave."""
    return {name: value for name, value in attributes.items() if name in GIVEN}


def request_of(spans: Sequence[StoredSpan]) -> dict[str, Any]:
    """Return an OTLP export request in its JSON form."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for span in spans:
        groups[(span.service, span.workflow)].append(_span(span))
    return {
        "resourceSpans": [
            {
                "resource": {
                    "attributes": _attributes({"service.name": service, "pilothouse.workflow": workflow})
                },
                "scopeSpans": [{"scope": {"name": "pilothouse"}, "spans": found}],
            }
            for (service, workflow), found in groups.items()
        ]
    }


async def otlp_lines(
    reading: Reading, principal: Principal, wanted: SpanFilter
) -> AsyncGenerator[tuple[str, int]]:
    """Yield export requests as lines of JSON, newest first, and how many spans each holds.

    Args:
        reading: Where spans are.
        principal: Who reads.
        wanted: Which; its limit is that of one line.
    """
    before: set[tuple[str, str]] = set()
    while True:
        spans = await reading.find(principal, wanted)
        fresh = [span for span in spans if (span.trace, span.id) not in before]
        if fresh:
            yield json.dumps(request_of(fresh), separators=(",", ":")), len(fresh)
        following = next_page(spans, wanted)
        if following is None:
            return
        wanted, before = following, {(span.trace, span.id) for span in spans}


def _span(span: StoredSpan) -> dict[str, Any]:
    found: dict[str, Any] = {
        "traceId": span.trace,
        "spanId": span.id,
        "name": span.name,
        "kind": KINDS.index(span.kind),
        "startTimeUnixNano": str(span.began_ns),
        "endTimeUnixNano": str(span.began_ns + span.took),
        "attributes": _attributes(given(span.attributes)),
        "status": {"code": ("unset", "ok", "error").index(span.status)},
    }
    if span.parent is not None:
        found["parentSpanId"] = span.parent
    if span.status == "error" and not span.foreign:
        found["status"]["message"] = span.message
    return found


def _attributes(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": name, "value": _value(value)} for name, value in values.items()]


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_value(item) for item in value]}}  # pyright: ignore[reportUnknownVariableType]
    return {"stringValue": str(value)}
