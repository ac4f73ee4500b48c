"""Owns the question a person gets when nobody knows whether an effect happened, and taking the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilothouse.audit import AuditEntry, append
from pilothouse.decisions import Answer, Proposal, Reason
from pilothouse.effects.declare import EffectSpec
from pilothouse.effects.types import Effect
from pilothouse.kernel import ConflictError, canonical, new_id
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.storage import Tx

__all__ = ["KIND", "Resolver", "question"]

Q = load_queries("pilothouse.effects")
KIND = "effects.unknown"


def question(spec: EffectSpec, effect: Effect, why: str) -> Proposal:
    """Return the proposal that asks whether ``effect`` happened: approve says done, reject says not done.

    It names no tool, so its approval opens no door.
    """
    told = f"{spec.describe(effect.args)}?"
    return Proposal(
        id=new_id(),
        kind=KIND,
        topic=spec.tool,
        title=f"Did it happen: {told}",
        summary=f"Approve if it was done, reject if it was not. Look in the system itself. {why}",
        args={"effect": effect.effect_id},
        on_behalf_of=effect.principal.id,
        proposer="system",
        tier=spec.tier,
        verdict="UNKNOWN",
        reasons=(Reason(code=KIND, check="door", text=why),),
        preview={"confirm": spec.identifier(effect.args), "done": spec.describe(effect.args)},
    )


class Resolver:
    """Takes the answer to such a question."""

    async def answered(self, tx: Tx, proposal: Proposal, answer: Answer) -> None:
        """Store what the person found out.

        Raises:
            ConflictError: ``effects.resolved``: the effect is not of unknown outcome any more.
        """
        effect_id = str(proposal.args["effect"])
        state = "done" if answer.approved else "refused"
        said = "effects.found_done" if answer.approved else "effects.found_not_done"
        reasons = [said, f"{answer.by}: {answer.reason}" if answer.reason else answer.by]
        values = {
            "effect_id": effect_id,
            "state": state,
            "result": canonical({"found_by": answer.by}).decode() if answer.approved else None,
            "reasons": reasons,
        }
        if not await tx.execute(Q.resolve, values):
            raise ConflictError(
                f"effect {effect_id!r} is not of unknown outcome any more; look at it",
                code="effects.resolved",
            )
        await append(
            tx,
            AuditEntry(
                kind="effects.resolved",
                actor=answer.by,
                proposal=proposal.id,
                approval=answer.approval,
                effect=effect_id,
                body={"state": state, "reason": answer.reason[:500]},
            ),
        )
