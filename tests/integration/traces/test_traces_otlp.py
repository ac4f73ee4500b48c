"""Foreign programs: the public SDK and exporter against our server, and OTLP written by hand."""

from __future__ import annotations

import asyncio
import gzip
import json
import subprocess
import sys
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from pilothouse.api.testing import Served, make_key, served_project
from pilothouse.kernel import Principal
from pilothouse.traces import SpanFilter, StoredSpan

READER = Principal(id="olga", rights=frozenset({"traces:*"}))
PROTOBUF, JSON = "application/x-protobuf", "application/json"
PROGRAM = """
import sys
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import Compression, OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

url, key, packed = sys.argv[1:]
exporter = OTLPSpanExporter(
    endpoint=url + "/v1/traces", headers={"Authorization": "Bearer " + key},
    compression=Compression.Gzip if packed == "gzip" else Compression.NoCompression,
)
provider = TracerProvider(resource=Resource.create({"service.name": "foreign"}))
provider.add_span_processor(BatchSpanProcessor(exporter))
tracer = trace.get_tracer("program", "1.2", tracer_provider=provider)
with tracer.start_as_current_span("outer", attributes={"n": 7, "ok": True, "ratio": 0.5, "tags": ["a", "b"]}):
    with tracer.start_as_current_span("inner", kind=trace.SpanKind.CLIENT) as inner:
        inner.set_attribute("gen_ai.prompt", "tell me a secret")
        inner.add_event("woke", {"level": 3})
        try:
            raise ValueError("no")
        except ValueError as error:
            inner.record_exception(error)
            inner.set_status(trace.StatusCode.ERROR, "went wrong")
provider.shutdown()
"""


@pytest.fixture
async def server(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    monkeypatch.setenv("PILOTHOUSE_DATABASE_URL", database_url)
    async with served_project(tmp_path) as running:
        yield running


@pytest.fixture
async def key(server: Served) -> str:
    return await make_key(server.studio, "bot", ["traces:write"])


async def found(server: Served, **wanted: Any) -> list[StoredSpan]:
    return await server.studio.traces.find(READER, SpanFilter(**wanted))


async def post(server: Served, key: str, body: bytes, kind: str, **headers: str) -> httpx.Response:
    said = {"Authorization": f"Bearer {key}", "Content-Type": kind, **headers}
    async with httpx.AsyncClient() as client:
        return await client.post(f"{server.url}/v1/traces", content=body, headers=said)


def spans_json(*spans: dict[str, Any]) -> bytes:
    full = [
        {
            "traceId": "ab" * 16,
            "spanId": f"{number:016x}",
            "name": "s",
            "startTimeUnixNano": "1700000000000000000",
        }
        | one
        for number, one in enumerate(spans, 1)
    ]
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": full}]}]}).encode()


@pytest.mark.parametrize("packed", ["gzip", "plain"])
async def test_a_foreign_program_with_the_public_sdk(server: Served, key: str, packed: str) -> None:
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", PROGRAM, server.url, key, packed],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr == ""
    outer = (await found(server, name="outer"))[0]
    inner = (await found(server, name="inner"))[0]
    assert inner.parent == outer.id
    assert inner.trace == outer.trace
    assert inner.kind == "client"
    assert (inner.status, inner.message) == ("error", "went wrong")
    assert dict(outer.attributes) == {"n": 7, "ok": True, "ratio": 0.5, "tags": ["a", "b"]}
    assert outer.account == "bot"
    assert outer.service == "foreign"
    assert outer.integrity == 0
    # What was said to a model, and the words of an exception, are content: they are not kept.
    assert "secret" not in repr(inner)
    assert [event["name"] for event in inner.more["events"]] == ["woke", "exception"]
    assert inner.more["events"][1]["attributes"] == {
        "exception.type": "ValueError",
        "exception.escaped": "False",
    }


async def test_json_is_taken_like_protobuf(server: Served, key: str) -> None:
    body = spans_json(
        {"name": "one", "kind": 3, "attributes": [{"key": "n", "value": {"intValue": "9007199254740993"}}]},
        {"name": "two", "parentSpanId": f"{1:016x}", "status": {"code": 2, "message": "bad"}},
    )
    answer = await post(server, key, body, JSON)
    assert (answer.status_code, answer.json()) == (200, {})
    one, two = (await found(server, name="one"))[0], (await found(server, name="two"))[0]
    assert dict(one.attributes) == {"n": 9007199254740993}
    assert two.parent == one.id
    assert two.status == "error"


async def test_what_cannot_be_stored_is_said_and_the_rest_is_stored(server: Served, key: str) -> None:
    body = spans_json({}, {"traceId": "00" * 16}, {"spanId": "zz"}, {"startTimeUnixNano": "0"})
    answer = await post(server, key, body, JSON)
    assert answer.status_code == 200
    assert answer.json()["partialSuccess"]["rejectedSpans"] == "3"
    assert len(await found(server)) == 1

    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    scope.spans.add(trace_id=b"\1" * 16, span_id=b"\2" * 8, name="kept", start_time_unix_nano=1)
    scope.spans.add(trace_id=b"\1" * 15, span_id=b"\2" * 8, name="lost", start_time_unix_nano=1)
    answer = await post(server, key, request.SerializeToString(), PROTOBUF)
    told = ExportTraceServiceResponse.FromString(answer.content)
    assert told.partial_success.rejected_spans == 1
    assert "trace id" in told.partial_success.error_message


async def test_what_is_sent_again_is_stored_once(server: Served, key: str) -> None:
    body = spans_json({"name": "a"}, {"name": "b"})
    for _ in range(3):
        assert (await post(server, key, body, JSON)).status_code == 200
    assert len(await found(server)) == 2
    # Half of it new.
    assert (await post(server, key, spans_json({}, {}, {"name": "c"}), JSON)).status_code == 200
    assert sorted(one.name for one in await found(server)) == ["a", "b", "c"]


async def test_nobody_takes_the_place_of_anothers_span(server: Served, key: str) -> None:
    await post(server, key, spans_json({"name": "bot's"}), JSON)
    other = await make_key(server.studio, "other", ["traces:write"])
    await post(server, other, spans_json({"name": "other's"}), JSON)
    assert {(one.account, one.name) for one in await found(server)} == {
        ("bot", "bot's"),
        ("other", "other's"),
    }


@pytest.mark.parametrize(
    ("body", "kind", "headers", "status", "code"),
    [
        (b"\xff\xff", PROTOBUF, {}, 400, "traces.otlp"),
        (b"{", JSON, {}, 400, "traces.otlp"),
        (b"[]", JSON, {}, 400, "traces.otlp"),
        (b"[" * 100_000, JSON, {}, 400, "traces.otlp"),
        (b"", "text/plain", {}, 415, "api.media_type"),
        (b"no gzip", JSON, {"Content-Encoding": "gzip"}, 400, "traces.encoding"),
        (gzip.compress(b"{}")[:-9], JSON, {"Content-Encoding": "gzip"}, 400, "traces.encoding"),
        (b"{}", JSON, {"Content-Encoding": "br"}, 400, "traces.encoding"),
        (gzip.compress(b"\0" * (65 << 20)), PROTOBUF, {"Content-Encoding": "gzip"}, 413, "traces.too_large"),
    ],
    ids=["protobuf", "json", "list", "deep", "type", "packing", "cut", "brotli", "bomb"],
)
async def test_what_is_no_request_is_refused(
    server: Served, key: str, body: bytes, kind: str, headers: dict[str, str], status: int, code: str
) -> None:
    answer = await post(server, key, body, kind, **headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await found(server) == []


async def test_packed_bodies_are_unpacked(server: Served, key: str) -> None:
    body = spans_json({"name": "packed"})
    assert (
        await post(server, key, gzip.compress(body), JSON, **{"Content-Encoding": "gzip"})
    ).status_code == 200
    again = zlib.compress(spans_json({"name": "deflated", "traceId": "cd" * 16}))
    assert (await post(server, key, again, JSON, **{"Content-Encoding": "deflate"})).status_code == 200
    assert len(await found(server)) == 2


async def test_text_that_no_table_holds_is_mended(server: Served, key: str) -> None:
    odd = {"key": "a\0b", "value": {"stringValue": "x\0y\ud800z"}}
    answer = await post(server, key, spans_json({"name": "n\0m\udfff", "attributes": [odd]}), JSON)
    assert answer.status_code == 200
    [stored] = await found(server)
    assert "\0" not in stored.name + repr(dict(stored.attributes))


async def test_a_span_that_is_too_rich_is_rejected_alone(server: Served, key: str) -> None:
    many = [{"key": f"k{n}", "value": {"stringValue": "v"}} for n in range(129)]
    answer = await post(server, key, spans_json({"attributes": many}, {"name": "fine"}), JSON)
    assert answer.json()["partialSuccess"]["rejectedSpans"] == "1"
    assert [one.name for one in await found(server)] == ["fine"]


async def test_a_foreign_span_never_counts_as_ours(server: Served, key: str) -> None:
    run = "0192f0c0000070008000000000000001"
    claim = [
        {"key": "pilothouse.run", "value": {"stringValue": run}},
        {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
        {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "1000000"}},
    ]
    await post(server, key, spans_json({"traceId": run, "name": "segment", "attributes": claim}), JSON)
    [stored] = await found(server)
    assert stored.run is None
    assert stored.foreign
    traces = server.studio.traces
    assert await traces.usage(READER) == []
    assert [(one.of, one.tokens_in) for one in await traces.usage(READER, "account")] == [("bot", 1_000_000)]


async def test_the_account_of_a_key_is_what_its_spans_are_read_by(server: Served, key: str) -> None:
    await post(server, key, spans_json({}), JSON)
    traces = server.studio.traces
    seen = [
        await traces.find(Principal(id="x", rights=frozenset({right})))
        for right in ("traces:from.bot:read", "traces:from.other:read", "traces:*", "sources:*")
    ]
    assert [len(one) for one in seen] == [1, 0, 1, 0]
