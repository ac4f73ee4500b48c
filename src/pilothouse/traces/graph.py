"""Owns the graph of a decision: from where a value came to what was done, made from the records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from pilothouse.labels import Condensed, Integrity, Origin, leaves

if TYPE_CHECKING:
    from pilothouse.audit import ChainedEntry
    from pilothouse.decisions import Approval, Decision, Evidence, Proposal

__all__ = ["Edge", "EffectFacts", "Graph", "Node", "NodeKind", "decision_graph"]

NodeKind = Literal["source", "claim", "evidence", "rule", "decision", "approval", "effect", "audit"]
SHOWN = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One thing in the graph.

    Attributes:
        id: Unique in the graph; that of the record where it has one.
        kind: ``claim`` is a value read out of what a stranger wrote; ``evidence`` one of a record.
        title: One line.
        detail: More lines: who, when, from where.
        integrity: How far it may be trusted, 0 to 3; None where it has no label.
        readers: ACL ids of its label.
    """

    id: str
    kind: NodeKind
    title: str
    detail: tuple[str, ...] = ()
    integrity: int | None = None
    readers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """What led to what."""

    source: str
    target: str
    what: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A decision from its sources to the log.

    Attributes:
        sentence: All of it in one plain sentence.
        nodes: In the order of reading.
        edges: Between them.
    """

    sentence: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectFacts:
    """What ``effects``, which stands above, says of an effect."""

    id: str
    tool: str
    state: str
    at: datetime
    approval: UUID | None = None
    opened: str = ""
    reasons: tuple[str, ...] = ()
    integrity: int | None = None


def decision_graph(
    *,
    sentence: str,
    decision: Decision | None,
    replaced: Sequence[Proposal] = (),
    evidence: Sequence[Evidence] = (),
    effect: EffectFacts | None = None,
    audit: Sequence[ChainedEntry] = (),
) -> Graph:
    """Return the graph of one decision, or of an effect that needed none.

    Args:
        sentence: The decision in words.
        decision: What was asked and answered; None for an effect that needed nobody.
        replaced: Proposals that edits replaced, oldest first.
        evidence: What it rests on.
        effect: What was done.
        audit: The log's entries about all of it.
    """
    builder = _Builder()
    hub = builder.decision(decision, replaced) if decision is not None else ""
    done = builder.effect(effect) if effect is not None else ""
    for item in evidence:
        builder.evidence(item, hub or done)
    if decision is not None:
        builder.rules(decision.proposal, hub)
        given = [builder.approval(one, hub) for one in decision.approvals]
        if done:
            used = [id for id, one in zip(given, decision.approvals, strict=True) if one.used_at is not None]
            for id in used or [hub]:
                builder.edge(id, done, "opened the door" if used else "led to")
    for entry in audit:
        builder.entry(entry, hub, done)
    return Graph(sentence=sentence, nodes=tuple(builder.nodes.values()), edges=tuple(builder.edges))


class _Builder:
    """Gathers nodes once each, and the edges between them."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.edges: list[Edge] = []

    def edge(self, source: str, target: str, what: str = "") -> None:
        found = Edge(source=source, target=target, what=what)
        if found not in self.edges:
            self.edges.append(found)

    def put(self, node: Node) -> str:
        self.nodes.setdefault(node.id, node)
        return node.id

    def decision(self, decision: Decision, replaced: Sequence[Proposal]) -> str:
        proposal = decision.proposal
        detail = [f"{decision.state}, tier {proposal.tier}"]
        detail += [f"the rules advised {proposal.verdict}"] if proposal.verdict else []
        detail += [f"asked of {proposal.asked_of}"] if proposal.asked_of else []
        id = self.put(
            Node(id=f"proposal:{proposal.id}", kind="decision", title=proposal.title, detail=tuple(detail))
        )
        before = ""
        for old in replaced:
            node = Node(
                id=f"proposal:{old.id}", kind="decision", title=old.title, detail=("replaced by an edit",)
            )
            now = self.put(node)
            if before:
                self.edge(before, now, "edited into")
            before = now
        if before:
            self.edge(before, id, "edited into")
        return id

    def evidence(self, item: Evidence, target: str) -> None:
        label = item.label
        stranger = label.integrity == Integrity.UNTRUSTED
        value = repr(item.value) if isinstance(item.value, str) else str(item.value)
        node = Node(
            id=f"evidence:{item.name}",
            kind="claim" if stranger else "evidence",
            title=_short(f"{item.name} = {value}"),
            detail=(label.integrity.name.lower(), f"hash {item.hash[:12]}"),
            integrity=int(label.integrity),
            readers=tuple(sorted(label.readers)),
        )
        id = self.put(node)
        for leaf in leaves(label)[:MOST_LEAVES]:
            self.edge(self.source(leaf), id, "read")
        if target:
            self.edge(id, target, "rests on")

    def source(self, leaf: Origin | Condensed) -> str:
        if isinstance(leaf, Condensed):
            title = f"{leaf.count} values of {', '.join(leaf.sources) or 'several sources'}"
            return self.put(Node(id=f"source:{leaf.hash[:16]}", kind="source", title=title))
        key = " ".join(f"{name}={value}" for name, value in sorted(leaf.key.items()))
        return self.put(
            Node(
                id=f"source:{leaf.source}/{leaf.object}/{key}",
                kind="source",
                title=_short(" ".join(part for part in (leaf.source, leaf.object, key) if part)),
                detail=tuple(_where(leaf)),
            )
        )

    def rules(self, proposal: Proposal, hub: str) -> None:
        for number, reason in enumerate(proposal.reasons):
            where = " ".join(part for part in (reason.table, reason.version, reason.row) if part)
            node = Node(
                id=f"rule:{number}",
                kind="rule",
                title=_short(reason.text or reason.code),
                detail=tuple(part for part in (reason.code, where) if part),
            )
            self.edge(self.put(node), hub, "fired")

    def approval(self, approval: Approval, hub: str) -> str:
        detail = [f"{approval.at:%Y-%m-%d %H:%M} UTC"]
        detail += [f"for {approval.delegated_by}"] if approval.delegated_by else []
        detail += [f"reason: {_short(approval.reason)}"] if approval.reason else []
        detail += ["taken back"] if approval.undone_at else []
        word = "approved" if approval.verdict == "approve" else "rejected"
        node = Node(
            id=f"approval:{approval.id}",
            kind="approval",
            title=f"{approval.approver} {word}",
            detail=tuple(detail),
        )
        id = self.put(node)
        self.edge(hub, id, "answered by")
        return id

    def effect(self, effect: EffectFacts) -> str:
        detail = [f"{effect.state} {effect.at:%Y-%m-%d %H:%M} UTC"]
        detail += [f"opened: {effect.opened}"] if effect.opened else []
        detail += [_short("; ".join(effect.reasons))] if effect.reasons else []
        return self.put(
            Node(
                id=f"effect:{effect.id}",
                kind="effect",
                title=effect.tool,
                detail=tuple(detail),
                integrity=effect.integrity,
            )
        )

    def entry(self, chained: ChainedEntry, hub: str, done: str) -> None:
        entry = chained.entry
        place = "no place yet" if chained.position is None else f"entry {chained.position}"
        node = Node(
            id=f"audit:{entry.id}",
            kind="audit",
            title=entry.kind,
            detail=(f"{entry.actor}, {chained.at:%Y-%m-%d %H:%M:%S} UTC", place),
        )
        about = f"approval:{entry.approval}" if entry.approval else ""
        if entry.effect and done:
            about = done
        self.edge(about if about in self.nodes else hub or done, self.put(node), "logged")


MOST_LEAVES = 12


def _where(leaf: Origin) -> Iterator[str]:
    yield f"field {leaf.field}" if leaf.field else "the row"
    yield f"read {leaf.read_at:%Y-%m-%d %H:%M} UTC"
    at = leaf.position
    if at is not None:
        yield " ".join(
            part
            for part in (
                at.file or "",
                f"line {at.line}" if at.line is not None else "",
                at.part or "",
                f"bytes {at.offset}+{at.length}" if at.offset is not None else "",
            )
            if part
        )


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else line[: SHOWN - 1] + "…"
