"""Owns the durable work of both agents on one held box; it ends with a question in the inbox."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

from pilothouse import child, decide, step, workflow
from pilothouse.agents import AgentResult
from pilothouse.decisions import Evidence
from pilothouse.kernel import wired
from pilothouse.labels import Labelled, join
from pilothouse.workflows import run_agent
from pilothouse_port.assist.given import case_from, held, records_of, texts_of, tightened, typed_claims
from pilothouse_port.assist.lookup import on_desk
from pilothouse_port.assist.specs import HANDLER, READER, WHAT_IS_CLAIMED, WHAT_TO_PREPARE, for_readers
from pilothouse_port.bindings import gather, list_consignments
from pilothouse_port.desk.asking import ANSWER_WITHIN, DESK, Released, notify, rules_of, title_of
from pilothouse_port.desk.looking import PortRef, bound_reader, one_of
from pilothouse_port.evaluate import judge, local_time
from pilothouse_port.outward import notice_args
from pilothouse_port.pack import Draft, Pack
from pilothouse_port.reading import read_facts, reader_for
from pilothouse_port.types import Claim, Facts

__all__ = ["Considered", "Prepared", "assist"]


@wired("port.considered")
@dataclass(frozen=True, slots=True, kw_only=True)
class Considered:
    """A box as the policy sees it, with what its texts claim.

    Attributes:
        claims: That tighten, of both readers; the number of each is its place.
        typed: The same without a word of theirs.
        refused: Claims of the agent whose words do not stand in the text.
        unread: Code of the error for which the agent read nothing.
    """

    pack: Pack
    claims: tuple[Claim, ...]
    typed: Labelled
    refused: int = 0
    unread: str = ""


@wired("port.prepared")
@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """The one thing that is proposed; nothing of it has happened.

    Attributes:
        draft: A sentence that a person wrote, with its correction; None where the policy has none.
        notice: The mail that it would be; None for a correction, or where nobody can be told.
    """

    draft: Draft | None
    notice: dict[str, Any] | None = None


async def _gathered(port: PortRef, container: str, bl: str, *, texts: bool) -> Facts:
    from pilothouse.engine import acting

    bindings, reader = port.load(), bound_reader(acting())
    box = one_of(await list_consignments(bindings, reader), container, bl)
    return (await gather(bindings, reader, [box], at=local_time(bindings, port.as_of), texts=texts)).facts[0]


@step
async def facts_of(port: PortRef, container: str, bl: str) -> Facts:
    """Read all of a box, texts included."""
    return await _gathered(port, container, bl, texts=True)


@step
async def case_of(port: PortRef, container: str, bl: str) -> Labelled:
    """Read what records say of a box, and judge that alone: no text is opened for it."""
    bindings = port.load()
    facts = await _gathered(port, container, bl, texts=False)
    records = records_of(facts)
    pack = judge(records, bindings.table, at=local_time(bindings, port.as_of))
    return case_from(facts, records, pack)


@step
async def consider(port: PortRef, facts: Facts, read: AgentResult | None) -> Considered:
    """Judge a box with what our own reader and the agent found; the agent's claims only tighten."""
    from pilothouse.engine import acting

    bindings, principal = port.load(), acting()
    reads = await reader_for(bindings, bound_reader(principal), asker=principal.id)
    ours, refused = held(facts, read.value) if read is not None else ((), 0)
    readout = tightened(await read_facts(facts, reads), ours)
    pack = judge(facts, bindings.table, at=local_time(bindings, port.as_of), readout=readout)
    claims = tuple(one for one in readout.claims if one.effect == "tighten")
    typed = typed_claims(facts, claims, pack, None if read is None else read.label)
    return Considered(
        pack=pack, claims=claims, typed=typed, refused=refused, unread="" if read is None else read.failed
    )


@step
async def propose(port: PortRef, facts: Facts, pack: Pack, choice: AgentResult) -> Prepared:
    """Make one proposal of an answer: it names a check of the pack, every word and number is ours."""
    chosen: dict[str, Any] = {} if choice.failed else cast("dict[str, Any]", choice.value)
    named = [one for one in pack.drafts if one.check.partition(":")[0] == chosen.get("check")]
    draft = next(iter((*named, *pack.drafts)), None)
    if draft is None or (chosen.get("kind") == "correction" and draft.correction):
        return Prepared(draft=draft)
    notice = notice_args(port.load(), facts, replace(pack, drafts=(draft,)))
    return Prepared(draft=draft, notice=notice)


@workflow(name="port.assist", version="1")
async def assist(port: PortRef, container: str, bl: str, reads: bool) -> Released:
    """Let the reader say what the texts claim, the handler choose what is prepared, and ask the desk.

    That the handler runs depends on no text: it does so whatever was read, or could not be read.

    Args:
        port: Which port, as of when.
        container: The box.
        bl: Its B/L; empty where it is under one alone.
        reads: Whether a model is routed for the claims reader; without one our own reader reads alone.
    """
    facts = await facts_of(port, container, bl)
    case = await case_of(port, container, bl)
    read = None
    if reads and facts.unread:
        texts = texts_of(facts)
        reader = for_readers(READER, [one.label for one in texts.values()])
        read = await run_agent(reader, WHAT_IS_CLAIMED, texts, may_fail=True)
    seen = await consider(port, facts, read)
    handler = for_readers(HANDLER, [case.label, seen.typed.label])
    on_desk(port, facts.consignment, handler)
    choice = await run_agent(handler, WHAT_TO_PREPARE, {"case": case, "claims": seen.typed}, may_fail=True)
    prepared = await propose(port, facts, seen.pack, choice)
    decided = await decide(
        title_of(seen.pack),
        evidence=evidence_of(seen, prepared, choice),
        who=DESK,
        within=ANSWER_WITHIN,
        summary=summary_of(seen, prepared, choice),
        verdict=seen.pack.verdict.advised.value,
        reasons=rules_of(seen.pack),
        data_versions={port.versions_key: seen.pack.verdict.table_version},
        policy_version=seen.pack.verdict.table_version,
        topic="release_container",
    )
    if not decided.approved or prepared.notice is None:
        return Released(consignment=facts.consignment, state="held", by=decided.by, reason=decided.reason)
    return await child(notify, facts.consignment, prepared.notice)


def evidence_of(seen: Considered, prepared: Prepared, choice: AgentResult) -> list[Evidence]:
    """Return what the question rests on: the values, the words of each claim, and the proposal.

    The proposal has the label of the handler's answer, which rests on all that it was given.
    """
    label = join(seen.typed.label, choice.label)
    claims = [
        Evidence(
            name=f"claim {place}: {one.check}.{one.code}", value=one.quote,
            label=join(one.text.label, seen.typed.label),
        )
        for place, one in enumerate(seen.claims, 1)
    ]  # fmt: skip
    text = prepared.draft.text if prepared.draft is not None else ""
    return [*seen.pack.evidence, *claims, Evidence(name="proposal", value=text, label=label)]


def summary_of(seen: Considered, prepared: Prepared, choice: AgentResult) -> str:
    """Return what the desk is told: sentences of ours, and quotes; no word of a model."""
    draft, lines = prepared.draft, list[str]()
    if draft is None:
        lines.append("no message stands ready: somebody has to look")
    elif prepared.notice is not None:
        lines.append(f"proposed message to {draft.to}: {draft.text}")
    else:
        lines.append(f"proposed correction: {draft.correction or draft.text}")
    for place, one in enumerate(seen.claims, 1):
        lines.append(f'claim {place}: {one.check}.{one.code}: "{" ".join(one.quote.split())}"')
    if seen.refused:
        lines.append(
            f"{seen.refused} claims of the reader are left out: their words do not stand in the text"
        )
    if seen.unread:
        lines.append(f"the claims reader stopped: {seen.unread}; our own reader alone has read")
    if choice.failed:
        lines.append(
            f"the exception handler stopped: {choice.failed}; this is the policy's own first message"
        )
    return "\n".join([*lines, f"{len(seen.pack.passed)} checks pass: {', '.join(seen.pack.passed)}"])
