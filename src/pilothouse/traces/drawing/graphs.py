"""Owns a decision graph as words: a tree for terminals, Mermaid for pages, DOT for tools."""

from __future__ import annotations

import re
from collections import defaultdict

from pilothouse.traces.graph import Graph, Node

__all__ = ["graph_dot", "graph_mermaid", "graph_text"]

ORDER = ("source", "claim", "evidence", "rule", "decision", "approval", "effect", "audit")
SHAPES = {
    "source": ("[(", ")]"), "claim": ("{{", "}}"), "evidence": ("[", "]"), "rule": ("[/", "/]"),
    "decision": ("{", "}"), "approval": ("([", "])"), "effect": ("[[", "]]"), "audit": (">", "]"),
}  # fmt: skip
DOT = {
    "source": "cylinder", "claim": "hexagon", "evidence": "box", "rule": "parallelogram",
    "decision": "diamond", "approval": "oval", "effect": "box3d", "audit": "note",
}  # fmt: skip
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]")


def graph_text(graph: Graph) -> str:
    """Return the graph as lines by kind, each saying what it came from."""
    before: dict[str, list[str]] = defaultdict(list)
    for edge in graph.edges:
        before[edge.target].append(edge.source)
    titles = {node.id: node.title for node in graph.nodes}
    lines = [graph.sentence]
    for kind in ORDER:
        nodes = [node for node in graph.nodes if node.kind == kind]
        lines += ["", f"{kind}s" if len(nodes) > 1 and kind != "evidence" else kind] if nodes else []
        for node in nodes:
            lines.append("  " + " · ".join((node.title, *node.detail)))
            from_ = [titles[id] for id in before[node.id]] if kind not in ("source", "audit") else []
            lines += [f"    from {', '.join(from_[:6])}" + (" …" if len(from_) > 6 else "")] if from_ else []
    return "\n".join(CONTROL.sub("·", line) for line in lines)


def graph_mermaid(graph: Graph) -> str:
    """Return the graph as a Mermaid flow chart."""
    names = _names(graph)
    lines = ["flowchart LR"]
    for node in graph.nodes:
        left, right = SHAPES[node.kind]
        lines.append(
            f'  {names[node.id]}{left}"{"<br/>".join(_entity(line) for line in _lines(node))}"{right}'
        )
    for edge in graph.edges:
        words = f"|{_entity(edge.what)}|" if edge.what else ""
        lines.append(f"  {names[edge.source]} -->{words} {names[edge.target]}")
    doubtful = [names[node.id] for node in graph.nodes if node.integrity == 0]
    if doubtful:
        lines += ["  classDef untrusted stroke-dasharray: 5 4", f"  class {','.join(doubtful)} untrusted"]
    return "\n".join(lines) + "\n"


def graph_dot(graph: Graph) -> str:
    """Return the graph for Graphviz."""
    names = _names(graph)
    lines = ["digraph decision {", "  rankdir=LR;", '  node [fontname="sans-serif" fontsize=10];']
    for node in graph.nodes:
        text = "\\n".join(_quoted(line) for line in _lines(node))
        style = " style=dashed" if node.integrity == 0 else ""
        lines.append(f'  {names[node.id]} [shape={DOT[node.kind]} label="{text}"{style}];')
    for edge in graph.edges:
        words = f' [label="{_quoted(edge.what)}" fontsize=8]' if edge.what else ""
        lines.append(f"  {names[edge.source]} -> {names[edge.target]}{words};")
    return "\n".join([*lines, "}"]) + "\n"


def _names(graph: Graph) -> dict[str, str]:
    return {node.id: f"n{number}" for number, node in enumerate(graph.nodes)}


def _lines(node: Node) -> tuple[str, ...]:
    return (node.kind, node.title, *node.detail)


def _entity(text: str) -> str:
    """Return text that Mermaid takes for nothing but text."""
    return "".join(c if c.isalnum() or c in " .,:_-/@=+" else f"#{ord(c)};" for c in CONTROL.sub("·", text))


def _quoted(text: str) -> str:
    return CONTROL.sub("·", text).replace("\\", "\\\\").replace('"', '\\"')
