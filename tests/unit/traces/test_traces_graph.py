"""The graph of a decision: every record is a node once, and every line says what led to what."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from pilothouse.audit import AuditEntry, ChainedEntry
from pilothouse.decisions import Approval, Decision, Evidence
from pilothouse.effects.testing import marked, proposal_for
from pilothouse.kernel import new_id
from pilothouse.labels import Integrity, join
from pilothouse.traces import EffectFacts, Graph, decision_graph

AT = datetime(2026, 1, 5, 6, 30, tzinfo=UTC)


def approval(proposal: UUID, approver: str, *, used: bool = True) -> Approval:
    return Approval(
        id=new_id(), proposal=proposal, subject="s", approver=approver, verdict="approve", reason="", at=AT,
        not_before=AT, expiry=AT + timedelta(days=1), used_at=AT if used else None,
        used_by="run:1" if used else None, screen=None, asked="",
    )  # fmt: skip


def logged(kind: str, **about: object) -> ChainedEntry:
    return ChainedEntry(entry=AuditEntry(kind=kind, actor="a", **about), at=AT, position=7, hash="00")  # type: ignore[arg-type]


def lines(graph: Graph) -> set[tuple[str, str, str]]:
    titles = {node.id: node.title for node in graph.nodes}
    return {(titles[edge.source], edge.what, titles[edge.target]) for edge in graph.edges}


def test_a_decision_from_its_sources_to_the_log() -> None:
    proposal = proposal_for()
    mail = Evidence(name="mail.request", value="release it", label=marked(Integrity.UNTRUSTED, source="mail"))
    yes = [
        approval(proposal.id, "amira"),
        approval(proposal.id, "bo"),
        approval(proposal.id, "cem", used=False),
    ]
    graph = decision_graph(
        sentence="s",
        decision=Decision(proposal=proposal, state="approved", approvals=tuple(yes), answer=None),
        replaced=(
            replace(proposal, id=new_id(), title="first"),
            replace(proposal, id=new_id(), title="second"),
        ),
        evidence=(*proposal.evidence, mail),
        effect=EffectFacts(id="run:4", tool="release_container", state="done", at=AT, integrity=1),
        audit=(
            logged("decisions.proposed", proposal=proposal.id),
            logged("decisions.approved", proposal=proposal.id, approval=yes[0].id),
            logged("effects.done", proposal=proposal.id, effect="run:4"),
        ),
    )
    title = proposal.title
    assert lines(graph) >= {
        ("customs clearance container=MSCU1234565", "read", "customs.status = 'CLEARED'"),
        ("customs.status = 'CLEARED'", "rests on", title),
        ("mail.request = 'release it'", "rests on", title),
        ("customs cleared it", "fired", title),
        ("first", "edited into", "second"),
        ("second", "edited into", title),
        (title, "answered by", "amira approved"),
        ("amira approved", "opened the door", "release_container"),
        ("bo approved", "opened the door", "release_container"),
        (title, "logged", "decisions.proposed"),
        ("amira approved", "logged", "decisions.approved"),
        ("release_container", "logged", "effects.done"),
    }
    assert ("cem approved", "opened the door", "release_container") not in lines(graph)
    kinds = {node.title: node.kind for node in graph.nodes}
    assert kinds["mail.request = 'release it'"] == "claim"
    assert kinds["customs.status = 'CLEARED'"] == "evidence"
    # Two values of one row come from one source.
    assert sum(node.kind == "source" and node.title.startswith("customs") for node in graph.nodes) == 1
    assert len({node.id for node in graph.nodes}) == len(graph.nodes)


def test_an_effect_that_needed_nobody_rests_on_its_evidence() -> None:
    both = join(marked(Integrity.RECORD, source="a"), marked(Integrity.UNTRUSTED, "group:x", source="b"))
    found = Evidence(name="n", value=1, label=both)
    effect = EffectFacts(id="run:4", tool="note", state="done", at=AT, opened="declared")
    graph = decision_graph(sentence="s", decision=None, evidence=(found,), effect=effect)
    assert ("n = 1", "rests on", "note") in lines(graph)
    [node] = [one for one in graph.nodes if one.id == "evidence:n"]
    assert (node.kind, node.readers, node.integrity) == ("claim", ("group:x",), 0)
    assert sum(one.kind == "source" for one in graph.nodes) == 2


def test_an_open_question_has_nothing_behind_it() -> None:
    decision = Decision(
        proposal=proposal_for(evidence=(), reasons=()), state="open", approvals=(), answer=None
    )
    graph = decision_graph(sentence="s", decision=decision)
    assert [node.kind for node in graph.nodes] == ["decision"]
    assert graph.edges == ()
