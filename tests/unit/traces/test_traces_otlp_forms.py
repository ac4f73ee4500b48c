"""OTLP by hand: both forms give the same rows, and no bytes break the reading."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from pilothouse.kernel import LimitError, UsageError
from pilothouse.traces.encoding import signed, text_of, unsigned
from pilothouse.traces.otlp import Limits, read_request, unpacked
from pilothouse.traces.types import Batch

LIMITS = Limits()


def read(body: bytes, form: Any) -> Batch:
    return read_request(body, form, account="bot", limits=LIMITS)


def as_json(request: ExportTraceServiceRequest) -> bytes:
    """OTLP's JSON form: protobuf's, but ids are hex."""

    def hexed(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: hexed(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [hexed(item) for item in value]
        if key in ("traceId", "spanId", "parentSpanId"):
            return base64.b64decode(value).hex()
        return value

    return json.dumps(hexed(MessageToDict(request, use_integers_for_enums=True))).encode()


ids = st.binary(min_size=8, max_size=8)
attributes = st.dictionaries(
    st.text(min_size=1, max_size=20),
    st.one_of(st.text(max_size=300), st.booleans(), st.integers(-(2**63), 2**63 - 1)),
    max_size=5,
)


@given(
    st.lists(
        st.tuples(ids, ids, st.integers(0, 2**64 - 1), st.integers(0, 5), st.text(max_size=400), attributes),
        max_size=5,
    )
)
def test_both_forms_give_the_same_rows(
    spans: list[tuple[bytes, bytes, int, int, str, dict[str, Any]]],
) -> None:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = "s"
    scope = resource.scope_spans.add()
    scope.scope.name = "lib"
    for id, parent, start, kind, name, said in spans:
        span = scope.spans.add(
            trace_id=id + parent, span_id=id, parent_span_id=parent, start_time_unix_nano=start,
            end_time_unix_nano=start, kind=kind, name=name,
        )  # fmt: skip
        for key, value in said.items():
            into = span.attributes.add(key=key).value
            if isinstance(value, bool):
                into.bool_value = value
            elif isinstance(value, int):
                into.int_value = value
            else:
                into.string_value = value
    packed, text = read(request.SerializeToString(), "protobuf"), read(as_json(request), "json")
    assert packed == text
    assert packed.size + packed.rejected == len(spans)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reading(body: bytes) -> None:
    for form in ("protobuf", "json"):
        try:
            read(body, form)
        except UsageError as error:
            assert error.code == "traces.otlp"


words = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "resourceSpans",
                    "scopeSpans",
                    "spans",
                    "resource",
                    "attributes",
                    "key",
                    "value",
                    "traceId",
                    "spanId",
                    "name",
                    "status",
                    "events",
                    "startTimeUnixNano",
                    "intValue",
                    "arrayValue",
                    "values",
                    "stringValue",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=30,
)


@given(words)
def test_no_json_breaks_the_reading(body: Any) -> None:
    try:
        read(json.dumps(body).encode(), "json")
    except UsageError as error:
        assert error.code == "traces.otlp"


@given(st.integers(0, 2**64 - 1))
def test_ids_come_back(number: int) -> None:
    text = f"{number:016x}"
    assert -(2**63) <= signed(text) < 2**63
    assert unsigned(signed(text)) == text


@given(st.dictionaries(st.text(), st.text() | st.floats() | st.lists(st.text())))
def test_json_is_such_that_postgresql_takes_it(value: dict[str, object]) -> None:
    text = text_of(value)
    assert "\\u0000" not in text.replace("\\\\", "")
    json.loads(text, parse_constant=pytest.fail)


def test_unpacking_stops_at_the_limit() -> None:
    import gzip

    body = gzip.compress(b"\0" * 2_000_000)
    with pytest.raises(LimitError, match="over 1000000"):
        unpacked(body, "gzip", Limits(unpacked=1_000_000))
    assert unpacked(gzip.compress(b"x"), "GZIP", LIMITS) == b"x"


def test_too_many_spans_are_rejected_not_stored() -> None:
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for number in range(1, 6):
        scope.spans.add(trace_id=b"\1" * 16, span_id=bytes([number] * 8), name="s", start_time_unix_nano=1)
    batch = read_request(request.SerializeToString(), "protobuf", account="b", limits=Limits(spans=3))
    assert (batch.size, batch.rejected) == (3, 2)
