"""Traces own the read side of what happened: spans, timelines, decision graphs, OTLP in and out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilothouse.traces.drawing import (
    Scale,
    graph_dot,
    graph_mermaid,
    graph_svg,
    graph_text,
    lasting,
    scaled,
    timeline_svg,
    words_of,
)
from pilothouse.traces.graph import Edge, EffectFacts, Graph, Node, decision_graph
from pilothouse.traces.jsonable import jsonable
from pilothouse.traces.otlp.giving import otlp_lines
from pilothouse.traces.reading import Reading, next_page
from pilothouse.traces.timeline import Moment, Timeline
from pilothouse.traces.traces import WRITE, Traces, open_traces
from pilothouse.traces.types import ByWhat, SpanFilter, StoredSpan, Usage, scope_of

if TYPE_CHECKING:
    from pilothouse.traces.settings import TracesSettings

__all__ = [
    "WRITE",
    "ByWhat",
    "Edge",
    "EffectFacts",
    "Graph",
    "Moment",
    "Node",
    "Reading",
    "Scale",
    "SpanFilter",
    "StoredSpan",
    "Timeline",
    "Traces",
    "TracesSettings",
    "Usage",
    "decision_graph",
    "graph_dot",
    "graph_mermaid",
    "graph_svg",
    "graph_text",
    "jsonable",
    "lasting",
    "next_page",
    "open_traces",
    "otlp_lines",
    "scaled",
    "scope_of",
    "timeline_svg",
    "words_of",
]


def __getattr__(name: str) -> object:
    """Import the settings only when asked for: Pydantic is costly to start."""
    if name == "TracesSettings":
        from pilothouse.traces.settings import TracesSettings

        return TracesSettings
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
