"""Owns taking an OTLP request over HTTP: unpack, decode, keep what can be stored, say what cannot."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from typing import Literal

from pilothouse.kernel import LimitError, UsageError
from pilothouse.traces.otlp.rows import Rows
from pilothouse.traces.types import Batch

__all__ = ["CONTENT_TYPES", "Form", "Limits", "answer", "read_request", "unpacked"]

Form = Literal["protobuf", "json"]
CONTENT_TYPES: dict[str, Form] = {"application/x-protobuf": "protobuf", "application/json": "json"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one request may hold.

    Attributes:
        unpacked: Bytes.
        spans: Spans; those above are rejected one by one.
        sources: Resources, each with one instrumentation.
    """

    unpacked: int = 64 << 20
    spans: int = 50_000
    sources: int = 64


def unpacked(body: bytes, encoding: str, limits: Limits) -> bytes:
    """Return the body as it was before its content encoding.

    Raises:
        UsageError: ``traces.encoding``: neither gzip nor deflate nor plain, or damaged.
        LimitError: ``traces.too_large``: unpacked it is over the limit; nothing above it was unpacked.
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "deflate"):
        raise UsageError(
            f"content encoding {encoding!r} is not taken; send gzip or nothing", code="traces.encoding"
        )
    unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS if encoding == "gzip" else zlib.MAX_WBITS)
    try:
        plain = unpacker.decompress(body, limits.unpacked + 1)
    except zlib.error as error:
        raise UsageError(f"the body is no {encoding}: {error}", code="traces.encoding") from error
    if len(plain) > limits.unpacked:
        raise LimitError(
            f"unpacked, the body is over {limits.unpacked} bytes; send fewer spans at a time",
            code="traces.too_large",
        )
    if not unpacker.eof:
        raise UsageError(f"the {encoding} of the body ends early; send all of it", code="traces.encoding")
    return plain


def read_request(body: bytes, form: Form, *, account: str, limits: Limits) -> Batch:
    """Return the spans of an export request as rows of ``account``, and how many cannot be stored.

    Raises:
        UsageError: ``traces.otlp``: the body is no such request.
    """
    rows = Rows(account, most=limits.spans, sources=limits.sources)
    if form == "protobuf":
        from pilothouse.traces.otlp.protobuf import read_protobuf

        read_protobuf(body, rows)
    else:
        from pilothouse.traces.otlp.jsons import read_json

        read_json(body, rows)
    return rows.batch()


def answer(batch: Batch, form: Form) -> bytes:
    """Return the body of the answer: empty when everything was stored, else how much was not and why."""
    if form == "json":
        partial = {"rejectedSpans": str(batch.rejected), "errorMessage": batch.why}
        return json.dumps({"partialSuccess": partial} if batch.rejected else {}).encode()
    if not batch.rejected:
        return b""
    from pilothouse.traces.otlp.protobuf import partial_success

    return partial_success(batch.rejected, batch.why)
