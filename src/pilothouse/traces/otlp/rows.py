"""Owns making rows of foreign spans: the malformed are rejected one by one, content is left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from pilothouse.telemetry import plain
from pilothouse.traces.encoding import BIGGEST, clean, signed, text_of
from pilothouse.traces.types import Batch, SpanRow, SpanSource, scope_of

__all__ = ["MOST_ATTRIBUTES", "Foreign", "Rows"]

MOST_ATTRIBUTES: Final = 128
MOST_EVENTS: Final = 64
LONGEST: Final = 32_768
"""Bytes of the attributes, or of the events and links, of one span."""
NO_TRACE, NO_SPAN = "0" * 32, "0" * 16


@dataclass(slots=True, kw_only=True)
class Foreign:
    """One span as it was decoded; ids are lower-case hex."""

    trace: str
    id: str
    parent: str
    name: str
    kind: int
    start: int
    end: int
    status: int
    message: str
    attributes: Mapping[str, object]
    more: dict[str, object] = field(default_factory=dict[str, object])


class Rows:
    """Gathers the spans of one request.

    Args:
        account: Whose key brought them.
        most: Spans that are taken.
        sources: Resources that are taken.
    """

    def __init__(self, account: str, *, most: int, sources: int) -> None:
        self._account = account
        self._readers = frozenset({scope_of("", account)})
        self._left = most
        self._sources = sources
        self._rows: list[SpanRow] = []
        self._batch = Batch()
        self._room = True

    def source(self, resource: Mapping[str, object], scope: str, version: str) -> None:
        """Begin the spans of one resource and instrumentation."""
        kept = plain(dict(list(resource.items())[:MOST_ATTRIBUTES]))
        about: dict[str, object] = {"resource": kept}
        if scope:
            about["scope"] = {"name": scope[:256], "version": version[:64]}
        text = text_of(about)
        self._room = len(self._batch.groups) < self._sources and len(text) <= LONGEST
        self._rows = []
        if not self._room:
            return
        found = SpanSource(
            account=self._account,
            service=clean(str(kept.get("service.name", ""))),
            readers=self._readers,
            resource=text,
        )
        self._batch.groups.append((found, self._rows))

    def add(self, span: Foreign) -> None:
        """Take one span, or count it as rejected."""
        why = self._wrong(span)
        if why:
            self._batch.reject(why)
            return
        attributes = text_of(plain(span.attributes))
        more = text_of(span.more) if span.more else None
        if len(attributes) > LONGEST or (more is not None and len(more) > LONGEST):
            self._batch.reject(f"span {span.id} has over {LONGEST} bytes of attributes or events")
            return
        self._left -= 1
        self._rows.append(
            (
                span.start,
                max(0, min(span.end, BIGGEST) - span.start),
                signed(span.id),
                signed(span.parent) if span.parent else None,
                span.trace,
                None,
                span.kind if 0 <= span.kind <= 5 else 0,
                span.status if 0 <= span.status <= 2 else 0,
                0,
                clean(span.name[:256]),
                clean(span.message[:256]),
                attributes,
                more,
            )
        )

    def reject(self, why: str) -> None:
        """Count a span that could not even be decoded."""
        self._batch.reject(why)

    def batch(self) -> Batch:
        """Return what is to be stored."""
        self._batch.groups = [(source, rows) for source, rows in self._batch.groups if rows]
        return self._batch

    def _wrong(self, span: Foreign) -> str:
        if len(span.trace) != 32 or span.trace == NO_TRACE:
            return "a trace id is not 16 bytes, or all zero"
        if len(span.id) != 16 or span.id == NO_SPAN:
            return "a span id is not 8 bytes, or all zero"
        if span.parent and len(span.parent) != 16:
            return f"the parent id of span {span.id} is not 8 bytes"
        if not 0 < span.start <= BIGGEST:
            return f"span {span.id} has no start time that can be"
        if len(span.attributes) > MOST_ATTRIBUTES:
            return f"span {span.id} has over {MOST_ATTRIBUTES} attributes"
        if self._left <= 0:
            return "too many spans in one request; send fewer at a time"
        return "" if self._room else "too many, or too large, resources in one request"


def events_and_links(
    events: list[dict[str, object]], links: list[dict[str, object]], state: str
) -> dict[str, object]:
    """Return what is kept beside the attributes."""
    more: dict[str, object] = {}
    if events:
        more["events"] = events[:MOST_EVENTS]
    if links:
        more["links"] = links[:MOST_EVENTS]
    if state:
        more["state"] = state[:512]
    return more
