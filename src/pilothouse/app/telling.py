"""Owns telling a decision to somebody: all of it to who may read all of it, else nothing; and its graph."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

from pilothouse.kernel import DeniedError

if TYPE_CHECKING:
    from pilothouse.app.studio import Studio
    from pilothouse.effects import DecisionRecord, Effect
    from pilothouse.kernel import Principal
    from pilothouse.traces import EffectFacts, Graph

__all__ = ["decision_graph", "told"]


PLANTED = "decisions.seeded"


async def told(
    studio: Studio, who: Principal, *, effect_id: str | None = None, proposal_id: UUID | None = None
) -> DecisionRecord:
    """Return a decision record, if ``who`` may read all of it now.

    Raises:
        UsageError: ``decisions.not_found``, ``effects.not_found``.
        DeniedError: ``decisions.unreadable``; ``decisions.blind``: its advice waits until it is answered.
    """
    from pilothouse.effects import explain

    record = await explain(studio.database, effect_id=effect_id, proposal_id=proposal_id)
    decision = record.decision
    labels = [item.label for item in record.effect.evidence] if record.effect else []
    closed = {acl for label in labels for acl in label.readers if not studio.authority.reads(who, acl)}
    if decision is not None:
        view = await studio.inbox.show(decision.proposal.id, who)
        closed |= {*view.closed}
        # A planted sample is told like any other item: not even its entry in the log gives it away.
        if not closed and replace(view.proposal, kind=decision.proposal.kind) != decision.proposal:
            raise DeniedError(
                f"{decision.proposal.title!r} is judged before its advice is told; answer it first",
                code="decisions.blind",
                reasons=("decisions.blind",),
            )
    if closed:
        raise DeniedError(
            f"{who.id!r} may not read all of this, for want of {', '.join(sorted(closed))}; ask who may",
            code="decisions.unreadable",
            reasons=tuple(f"unreadable:{acl}" for acl in sorted(closed)),
        )
    if decision is not None and decision.state == "open":
        record = replace(record, audit=tuple(one for one in record.audit if one.entry.kind != PLANTED))
    return record


async def decision_graph(
    studio: Studio, who: Principal, *, effect_id: str | None = None, proposal_id: UUID | None = None
) -> Graph:
    """Return the graph of a decision or an effect, if ``who`` may read all of it now; see :func:`told`."""
    from pilothouse import traces

    record = await told(studio, who, effect_id=effect_id, proposal_id=proposal_id)
    asked, effect = record.decision, record.effect
    evidence = asked.proposal.evidence if asked is not None else effect.evidence if effect else ()
    return traces.decision_graph(
        sentence=record.sentence,
        decision=asked,
        replaced=record.replaced,
        evidence=evidence,
        effect=None if effect is None else _facts(effect),
        audit=record.audit,
    )


def _facts(effect: Effect) -> EffectFacts:
    from pilothouse.traces import EffectFacts

    return EffectFacts(
        id=effect.effect_id,
        tool=effect.tool,
        state=effect.state,
        at=effect.outcome_at or effect.intent_at,
        approval=effect.approval,
        opened=effect.opened,
        reasons=effect.reasons,
        integrity=None if effect.pc is None else int(effect.pc.integrity),
    )
