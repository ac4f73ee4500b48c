"""Drawing: timelines and graphs as text, Mermaid, DOT and SVG; what was read is always escaped."""

from pilothouse.traces.drawing.graphs import graph_dot, graph_mermaid, graph_text
from pilothouse.traces.drawing.pictures import graph_svg
from pilothouse.traces.drawing.waterfall import Scale, lasting, scaled, timeline_svg, words_of

__all__ = [
    "Scale",
    "graph_dot",
    "graph_mermaid",
    "graph_svg",
    "graph_text",
    "lasting",
    "scaled",
    "timeline_svg",
    "words_of",
]
