"""Owns the span being written: its name, its parent, its attributes, and the sink it ends in."""

from __future__ import annotations

import contextlib
import contextvars
import os
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Protocol

from pilothouse.telemetry.names import AGENT, CALLS, OPERATION, SUMMED

if TYPE_CHECKING:
    from pilothouse.labels import Label

__all__ = ["AttributeValue", "Kind", "Sink", "SpanRecord", "bind_sink", "current_span", "span"]

AttributeValue = str | bool | int | float | list[str]
Kind = Literal["internal", "client", "server", "producer", "consumer"]


@dataclass(slots=True, kw_only=True)
class SpanRecord:
    """One span, as OpenTelemetry has it; times in Unix nanoseconds.

    Attributes:
        trace: 16 bytes, hex; of a run, its id without dashes, so that every segment shares it.
        id: 8 bytes, hex.
        parent: Id of the span around it; empty for the first of a trace.
        kind: Who talks to whom.
        attributes: By the OpenTelemetry names where there is one (``gen_ai.*``), else ``pilothouse.*``;
            never a prompt, an answer or a value of a system: those are stored once under their label.
        status: ``error`` with the stable code in ``message``.
        run: The run it belongs to, inherited from the span around it; empty outside of runs.
        workflow: The run's workflow: whose right to read traces counts; inherited too.
        agent: Whose work it is part of, inherited.
        call: The innermost model call it is, or is part of.
        label: Of what the span came to, if to anything; who cannot read that cannot read the span.
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
    run: str = ""
    workflow: str = ""
    label: Label | None = None
    agent: str = ""
    call: SpanRecord | None = field(default=None, repr=False, compare=False)

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
    """Return the span around the caller; None outside, and where nobody takes spans."""
    return _current.get()


def _within(record: SpanRecord, around: SpanRecord) -> None:
    """Hand on whose work it is; of calls inside of calls only the innermost count."""
    found = around.attributes.get(AGENT)
    record.agent = found if isinstance(found, str) else around.agent
    record.call = around.call
    if record.attributes.get(OPERATION) not in CALLS:
        return
    if around.call is not None:
        around.call.attributes[SUMMED] = True
    record.call = record
    if record.agent:
        record.attributes.setdefault(AGENT, record.agent)


class span:
    """Write a span around a ``with`` block; an exception marks it and goes on.

    Without a sink nothing is written: the block gets a record that is thrown away.

    Args:
        name: Low cardinality, such as ``chat`` or ``execute_tool``.
        kind: Who talks to whom.
        trace: Trace of the first span, such as a run's id as hex; default the trace around, or a new one.
        parent: Id of a span of ``trace`` in another process, from its ``traceparent``.
        run: The run it belongs to; default that of the span around.
        workflow: The run's workflow; default that of the span around.
        attributes: To begin with; more can be set on the record.
    """

    __slots__ = ("_token", "record")

    def __init__(
        self,
        name: str,
        *,
        kind: Kind = "internal",
        trace: str = "",
        parent: str = "",
        run: str = "",
        workflow: str = "",
        attributes: dict[str, AttributeValue] | None = None,
    ) -> None:
        self._token: contextvars.Token[SpanRecord | None] | None = None
        if not _sinks:
            self.record = SpanRecord(trace="", id="", parent="", name=name, kind=kind, start=0)
            return
        around = _current.get()
        if around is not None:
            inside = not trace or trace == around.trace
            trace = trace or around.trace
            parent = parent or (around.id if inside else "")
            run, workflow = run or around.run, workflow or around.workflow
        self.record = SpanRecord(
            trace=trace or os.urandom(16).hex(),
            id=os.urandom(8).hex(),
            parent=parent,
            name=name,
            kind=kind,
            start=0,
            attributes={} if attributes is None else dict(attributes),
            run=run,
            workflow=workflow,
        )
        if around is not None:
            _within(self.record, around)
        elif attributes is not None and attributes.get(OPERATION) in CALLS:
            self.record.call = self.record

    def __enter__(self) -> SpanRecord:
        """Begin; spans that are written inside have this one as their parent."""
        if self.record.id:
            self._token = _current.set(self.record)
            self.record.start = time.time_ns()
        return self.record

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End, and hand the record to every sink."""
        token = self._token
        if token is None:
            return
        # A generator may be closed from another context, where there is nothing to take back.
        with contextlib.suppress(ValueError):
            _current.reset(token)
        record = self.record
        record.end = time.time_ns()
        if error is not None:
            record.message = record.message or getattr(error, "code", "") or type(error).__name__
            if isinstance(error, Exception):
                # Waiting and being cancelled are no errors.
                record.status = "error"
        for sink in _sinks:
            sink.emit(record)
