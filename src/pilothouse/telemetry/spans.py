"""Owns the span being written: its name, its parent, its attributes, and the sink it ends in."""

from __future__ import annotations

import contextlib
import contextvars
import os
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Literal, Protocol

__all__ = ["Sink", "SpanRecord", "bind_sink", "current_span", "span"]

AttributeValue = str | bool | int | float | list[str]
Kind = Literal["internal", "client", "server", "producer", "consumer"]


@dataclass(slots=True, kw_only=True)
class SpanRecord:
    """One span, as OpenTelemetry has it; times in Unix nanoseconds.

    Attributes:
        trace: 16 bytes, hex.
        id: 8 bytes, hex.
        parent: Id of the span around it; empty for the first of a trace.
        kind: Who talks to whom.
        attributes: By the OpenTelemetry names where there is one (``gen_ai.*``), else ``pilothouse.*``;
            never a prompt, an answer or a value of a system: those are stored once under their label.
        status: ``error`` with the stable code in ``message``.
    """

    trace: str
    id: str
    parent: str
    name: str
    kind: Kind
    start: int
    end: int = 0
    attributes: dict[str, AttributeValue] = field(default_factory=dict[str, AttributeValue])
    status: Literal["unset", "ok", "error"] = "unset"
    message: str = ""

    def set(self, **attributes: AttributeValue) -> None:
        """Set attributes; dotted names go through :attr:`attributes`."""
        self.attributes.update(attributes)


class Sink(Protocol):
    """Takes ended spans; must not block and must not raise."""

    def emit(self, record: SpanRecord) -> None:
        """Take one span."""
        ...


_current: contextvars.ContextVar[SpanRecord | None] = contextvars.ContextVar("pilothouse_span", default=None)
_sinks: list[Sink] = []


@contextlib.contextmanager
def bind_sink(sink: Sink) -> Generator[None]:
    """Send every span that ends inside the block to ``sink`` too."""
    _sinks.append(sink)
    try:
        yield
    finally:
        _sinks.remove(sink)


def current_span() -> SpanRecord | None:
    """Return the span around the caller, None outside."""
    return _current.get()


@contextlib.contextmanager
def span(
    name: str,
    *,
    kind: Kind = "internal",
    trace: str = "",
    attributes: dict[str, AttributeValue] | None = None,
) -> Generator[SpanRecord]:
    """Write a span around the block; an exception marks it and goes on.

    Args:
        name: Low cardinality, such as ``chat`` or ``execute_tool``.
        trace: Trace of the first span, such as a run's id as hex; default the trace around, or a new one.
    """
    around = _current.get()
    record = SpanRecord(
        trace=trace or (around.trace if around else os.urandom(16).hex()),
        id=os.urandom(8).hex(),
        parent=around.id if around and (not trace or trace == around.trace) else "",
        name=name,
        kind=kind,
        start=time.time_ns(),
        attributes=dict(attributes or {}),
    )
    token = _current.set(record)
    try:
        yield record
    except BaseException as error:
        record.status = "error"
        record.message = getattr(error, "code", "") or type(error).__name__
        raise
    finally:
        _current.reset(token)
        record.end = time.time_ns()
        for sink in _sinks:
            sink.emit(record)
