"""Owns a decision graph as SVG: a column for each kind, from sources on the left to the log on the right."""

from __future__ import annotations

from collections import defaultdict
from xml.sax.saxutils import escape

from pilothouse.traces.graph import Graph, Node

__all__ = ["PAPER", "STYLE", "graph_svg", "text_at"]

COLUMNS = {
    "source": 0, "claim": 1, "evidence": 1, "rule": 1, "decision": 2, "approval": 3, "effect": 4, "audit": 5,
}  # fmt: skip
WIDE, TALL, LINE, GAP, ACROSS = 250, 26, 15, 14, 70
PAPER = '<rect width="100%" height="100%" fill="#fff"/>'
STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#1b2733}.d{font-size:11px;fill:#5a6b7b}"
    ".b{fill:#fff;stroke:#8595a5}.claim,.untrusted{stroke-dasharray:5 4;stroke:#b4541a}"
    ".decision{fill:#eef4fb;stroke:#2f6db3}.effect{fill:#eef8f0;stroke:#2b7a45}.approval{fill:#fbf6e6}"
    ".audit{fill:#f6f6f6}.e{fill:none;stroke:#9aa8b5}.err{fill:#c0392b}.w{fill:#d9dfe6}.s{fill:#7fa8d1}"
)


def graph_svg(graph: Graph) -> str:
    """Return the graph as a picture that stands alone."""
    columns: dict[int, list[Node]] = defaultdict(list)
    for node in graph.nodes:
        columns[COLUMNS[node.kind]].append(node)
    places: dict[str, tuple[float, float, float]] = {}
    parts: list[str] = []
    lowest = 0.0
    for number, column in enumerate(sorted(columns)):
        top = 50.0
        for node in columns[column]:
            height = TALL + LINE * (1 + len(node.detail))
            places[node.id] = (20 + number * (WIDE + ACROSS), top, height)
            parts.append(_box(node, *places[node.id]))
            top += height + GAP
        lowest = max(lowest, top)
    lines = [_line(places[edge.source], places[edge.target]) for edge in graph.edges]
    width = 40 + len(columns) * (WIDE + ACROSS) - ACROSS
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {max(width, 320):.0f} {lowest + 10:.0f}" '
        f'role="img"><title>{escape(graph.sentence)}</title><style>{STYLE}</style>{PAPER}'
        f"{text_at(20, 28, graph.sentence, most=max(40, width // 7))}{''.join(lines)}{''.join(parts)}</svg>\n"
    )


def text_at(x: float, y: float, text: str, *, style: str = "", most: int = 38) -> str:
    """Return a line of text, cut to ``most`` characters."""
    line = "".join(c if c.isprintable() else "·" for c in text)
    line = line if len(line) <= most else line[: most - 1] + "…"
    kind = f' class="{style}"' if style else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{kind}>{escape(line)}</text>'


def _box(node: Node, x: float, y: float, height: float) -> str:
    doubt = " untrusted" if node.integrity == 0 else ""
    lines = [text_at(x + 10, y + 17, node.kind, style="d"), text_at(x + 10, y + 17 + LINE, node.title)]
    lines += [
        text_at(x + 10, y + 17 + LINE * (2 + number), line, style="d", most=42)
        for number, line in enumerate(node.detail)
    ]
    box = f'<rect class="b {node.kind}{doubt}" x="{x}" y="{y}" width="{WIDE}" height="{height}" rx="6"/>'
    return f"<g>{box}{''.join(lines)}</g>"


def _line(source: tuple[float, float, float], target: tuple[float, float, float]) -> str:
    left, right = source[0] + WIDE, target[0]
    start, end = source[1] + source[2] / 2, target[1] + target[2] / 2
    if left > right:
        # In one column: along its left side.
        left, right = source[0], target[0]
        return f'<path class="e" d="M{left} {start} C{left - 30} {start} {right - 30} {end} {right} {end}"/>'
    half = (left + right) / 2
    return f'<path class="e" d="M{left} {start} C{half} {start} {half} {end} {right} {end}"/>'
