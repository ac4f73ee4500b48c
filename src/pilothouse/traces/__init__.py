"""Traces own the read side of what happened: spans, timelines, decision graphs, OTLP in and out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilothouse.traces.reading import Reading
from pilothouse.traces.timeline import Moment, Timeline
from pilothouse.traces.traces import WRITE, Traces, open_traces
from pilothouse.traces.types import ByWhat, SpanFilter, StoredSpan, Usage, scope_of

if TYPE_CHECKING:
    from pilothouse.traces.settings import TracesSettings

__all__ = [
    "WRITE",
    "ByWhat",
    "Moment",
    "Reading",
    "SpanFilter",
    "StoredSpan",
    "Timeline",
    "Traces",
    "TracesSettings",
    "Usage",
    "open_traces",
    "scope_of",
]


def __getattr__(name: str) -> object:
    """Import the settings only when asked for: Pydantic is costly to start."""
    if name == "TracesSettings":
        from pilothouse.traces.settings import TracesSettings

        return TracesSettings
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
