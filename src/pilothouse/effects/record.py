"""Owns the decision record: evidence, rules, people, effect and audit entries of one decision, linked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast
from uuid import UUID

from pilothouse.audit import ChainedEntry, entries
from pilothouse.decisions import (
    Decision,
    EvidenceRow,
    Proposal,
    Reason,
    evidence_rows,
    find_decision,
    lineage,
    sentence,
)
from pilothouse.effects.once.rows import effect_of
from pilothouse.effects.types import Effect, Opened
from pilothouse.kernel import UsageError
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.storage import Database

__all__ = ["DecisionRecord", "explain"]

Q = load_queries("pilothouse.effects")
STATES = {
    "intent": "is being performed",
    "done": "was performed",
    "shadowed": "was only recorded, not performed",
}
ALLOWS: dict[Opened, str] = {
    "": "its declaration allows",
    "declared": "its declaration allows",
    "typed": "is right because a person typed or signed every word of it",
    "certified": "the rung of its version allows",
    "endorsed": "an endorsed flow allows",
    "approved": "an approval allows",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRecord:
    """Everything about one decision, from the rows it rests on to what it did.

    Attributes:
        sentence: All of it in one plain sentence.
        evidence: The rows cited, as they were read.
        rules: The rules that fired, each with its table's version and row.
        decision: What was asked, who answered; None for an effect that needed no approval.
        replaced: The proposals this one replaced by edits, oldest first.
        effect: What was done; None if nothing was tried.
        audit: The log's entries about all of it, in order.
    """

    sentence: str
    evidence: tuple[EvidenceRow, ...]
    rules: tuple[Reason, ...]
    decision: Decision | None
    replaced: tuple[Proposal, ...]
    effect: Effect | None
    audit: tuple[ChainedEntry, ...]


async def explain(
    database: Database, *, effect_id: str | None = None, proposal_id: UUID | None = None
) -> DecisionRecord:
    """Return the record of one effect or of one proposal.

    Raises:
        UsageError: ``effects.explain``: give exactly one; ``effects.not_found`` or ``decisions.not_found``.
    """
    if (effect_id is None) == (proposal_id is None):
        raise UsageError(
            f"explain needs effect_id or proposal_id, got {effect_id!r} and {proposal_id!r}",
            code="effects.explain",
        )
    effect = await _effect(database, effect_id, proposal_id)
    asked = proposal_id or (effect.proposal if effect else None)
    if asked is None:
        assert effect is not None
        return await _unasked(database, effect)
    decision = await find_decision(database, asked)
    line = await lineage(database, asked)
    audit = await entries(
        database, proposals=[item.id for item in line], effect=effect.effect_id if effect else None
    )
    proposal = decision.proposal
    return DecisionRecord(
        sentence=sentence(
            decision,
            # What is only shadowed uses no approval, so no proposal leads to it.
            effect=cast("Literal['intent', 'done', 'refused', 'unknown']", effect.state) if effect else None,
            at=effect.outcome_at if effect else None,
            why=effect.reasons if effect else (),
        ),
        evidence=evidence_rows(proposal.evidence),
        rules=proposal.reasons,
        decision=decision,
        replaced=line[:-1],
        effect=effect,
        audit=audit,
    )


async def _effect(database: Database, effect_id: str | None, proposal_id: UUID | None) -> Effect | None:
    if effect_id is None:
        row = await database.fetch_one(Q.effect_of_proposal, {"proposal": proposal_id})
        return None if row is None else effect_of(row)
    row = await database.fetch_one(Q.effect, {"effect_id": effect_id})
    if row is None:
        raise UsageError(f"there is no effect {effect_id!r}; check the id", code="effects.not_found")
    return effect_of(row)


async def _unasked(database: Database, effect: Effect) -> DecisionRecord:
    """Return the record of an effect that needed nobody."""
    rows = evidence_rows(effect.evidence)
    when = (effect.outcome_at or effect.intent_at).strftime("%Y-%m-%d %H:%M UTC")
    state = STATES.get(effect.state, f"is {effect.state}")
    why = f" ({'; '.join(effect.reasons)})" if effect.reasons else ""
    cited = ", ".join(f"{row.name} = {row.value!r} ({row.source} {row.object})" for row in rows)
    return DecisionRecord(
        sentence=(
            f"{effect.tool!r} {state}{why} on {when} for {effect.principal.id} without asking anyone, which "
            f"{ALLOWS[effect.opened]}; {f'evidence: {cited}' if cited else 'no evidence was cited'}."
        ),
        evidence=rows,
        rules=(),
        decision=None,
        replaced=(),
        effect=effect,
        audit=await entries(database, effect=effect.effect_id),
    )
