"""Owns storing an answer (approval, item, audit entry, whoever waits) and taking its approval once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from pilothouse.audit import AuditEntry, append
from pilothouse.decisions.answering.held import Held
from pilothouse.decisions.items import approval_of, proposal_of
from pilothouse.decisions.ports import Follower, Resumer
from pilothouse.decisions.proposal import Granted
from pilothouse.decisions.types import Answer, ItemState, Verdict
from pilothouse.kernel import ConflictError, Principal, UsageError, canonical, new_id
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.storage import Database, Tx

__all__ = ["VOID", "Answers", "NotWaitingError", "find_approval", "use_approval"]

Q = load_queries("pilothouse.decisions")
SYSTEM_ID = "system"
STATES: Final[dict[Verdict, ItemState]] = {
    "approve": "approved",
    "reject": "rejected",
    "expire": "expired",
    "withdraw": "withdrawn",
}
SHOWN = 500
VOID = "decisions.void"


class NotWaitingError(ConflictError):
    """A person answered a question that no run asks any more."""

    code = "decisions.withdrawn"


class Answers:
    """Writes answers and tells whoever waits for them."""

    def __init__(self, *, lifetime: float) -> None:
        self.resumer: Resumer | None = None
        self.followers: dict[str, Follower] = {}
        self._lifetime = lifetime

    async def by_person(self, tx: Tx, held: Held, verdict: Verdict, by: Principal, reason: str) -> Answer:
        """Store a person's verdict with its approval row.

        Raises:
            NotWaitingError: Nothing waits for it any more; the caller's transaction must not commit.
        """
        approval = new_id()
        await tx.execute(
            Q.insert_approval,
            {
                "id": approval,
                "proposal": held.item.id,
                "subject": held.subject,
                "approver": by.id,
                "verdict": verdict,
                "reason": reason,
                "at": held.now,
                "lifetime": self._lifetime,
                "delegated_by": held.item.delegated_by,
            },
        )
        answer = _answer(held, verdict, by=by.id, reason=reason, approval=approval)
        await self._close(tx, held, answer)
        if not await self._tell(tx, held, answer):
            raise NotWaitingError(
                f"the run behind {held.item.title!r} does not wait for this any more; nothing was decided"
            )
        return answer

    async def by_silence(self, tx: Tx, held: Held) -> Answer:
        """Store that nobody answered in time: *no*."""
        reason = f"nobody answered before {held.item.deadline}"
        answer = _answer(held, "expire", by=SYSTEM_ID, reason=reason)
        await self._close(tx, held, answer)
        await self._tell(tx, held, answer)
        return answer

    async def withdrawn(self, tx: Tx, held: Held, *, by: str, reason: str) -> Answer:
        """Store that the question is no longer asked; whoever withdrew knows already and is not told."""
        answer = _answer(held, "withdraw", by=by, reason=reason)
        await self._close(tx, held, answer)
        return answer

    async def _close(self, tx: Tx, held: Held, answer: Answer) -> None:
        await tx.execute(
            Q.answer_item,
            {
                "id": held.item.id,
                "state": STATES[answer.verdict],
                "answer": canonical(answer).decode(),
                "at": answer.at,
            },
        )
        await append(
            tx,
            AuditEntry(
                kind=f"decisions.{STATES[answer.verdict]}",
                actor=answer.by,
                run=held.proposal.run,
                proposal=held.item.id,
                approval=answer.approval,
                refs=(held.subject,),
                body={
                    "topic": held.item.topic[:SHOWN],
                    "reason": answer.reason[:SHOWN],
                    "delegated_by": held.item.delegated_by,
                },
            ),
        )

    async def _tell(self, tx: Tx, held: Held, answer: Answer) -> bool:
        """Hand the answer on; False if nothing waits for it any more."""
        proposal = held.proposal
        if proposal.kind != "decision":
            follower = _bound(self.followers, proposal.kind)
            await follower.answered(tx, proposal, answer)
        if proposal.run is None or proposal.key is None:
            return True
        if self.resumer is None:
            raise UsageError(
                f"run {proposal.run!r} waits for this answer, but nothing here resumes runs; bind a Resumer",
                code="decisions.unbound",
            )
        return await self.resumer.resume(tx, proposal.run, proposal.key, answer) is not False


def _bound(followers: Mapping[str, Follower], kind: str) -> Follower:
    if kind not in followers:
        raise UsageError(
            f"nothing here takes answers of kind {kind!r}; answer it where that part runs",
            code="decisions.unbound",
        )
    return followers[kind]


def _answer(held: Held, verdict: Verdict, *, by: str, reason: str, approval: UUID | None = None) -> Answer:
    return Answer(
        approved=verdict == "approve",
        verdict=verdict,
        proposal=held.item.id,
        approval=approval,
        by=by,
        reason=reason,
        args=held.proposal.args,
        edited=held.proposal.parent is not None,
        at=held.now,
    )


async def find_approval(database: Database, id: UUID) -> Granted | None:
    """Return an approval with the proposal it answered and the whole set it belongs to; None if none."""
    row = await database.fetch_one(Q.approval, {"id": id})
    if row is None:
        return None
    approval = approval_of(row)
    return Granted(approval=approval, proposal=proposal_of(row), approvals=(approval,))


async def use_approval(tx: Tx, id: UUID, *, effect: str, subject: str) -> None:
    """Use an approval up for ``effect``, inside the transaction that stores the intent.

    Args:
        tx: The intent's transaction.
        id: The approval.
        effect: The effect id.
        subject: Recomputed from the actual call and from evidence read again.

    Raises:
        ConflictError: ``decisions.void``: no approval, used, early, late, or of another call.
    """
    row = await tx.fetch_one(Q.lock_approval, {"id": id})
    why = _fault(row, subject)
    if why is not None:
        raise ConflictError(f"approval {str(id)!r} is void: {why}; ask again", code=VOID)
    await tx.execute(Q.use_approval, {"id": id, "effect": effect})


def _fault(row: Mapping[str, Any] | None, subject: str) -> str | None:
    if row is None:
        return "it does not exist"
    if row["verdict"] != "approve":
        return "the person said no"
    if row["used_by"] is not None:
        return f"it was used by effect {row['used_by']!r}"
    if row["late"]:
        return "it has expired"
    if row["early"]:
        return "its time has not come"
    return None if row["subject"] == subject else "it was given for another call"
