"""Owns storing an answer: the voice, the item, the audit entry, and telling whoever waits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal
from uuid import UUID

from pilothouse.audit import AuditEntry, append
from pilothouse.decisions.answering.held import Held
from pilothouse.decisions.items import approval_of
from pilothouse.decisions.people.duties import Voice, involved
from pilothouse.decisions.people.quorum import count, unmet
from pilothouse.decisions.ports import Follower, Resumer
from pilothouse.decisions.types import Answer, Approval, ItemState, Verdict
from pilothouse.kernel import ConflictError, UsageError, canonical, new_id
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.storage import Tx

__all__ = ["Answers", "NotWaitingError", "pending", "voices_on"]

Q = load_queries("pilothouse.decisions")
SYSTEM_ID = "system"
STATES: Final[dict[Verdict, ItemState]] = {
    "approve": "approved",
    "reject": "rejected",
    "expire": "expired",
    "withdraw": "withdrawn",
}
SHOWN = 500


class NotWaitingError(ConflictError):
    """A person answered a question that no run asks any more."""

    code = "decisions.withdrawn"

    def __init__(self, message: str, *, proposal: UUID) -> None:
        super().__init__(message)
        self.proposal = proposal


class Answers:
    """Writes answers and tells whoever waits for them.

    Args:
        lifetime: Seconds in which the effect must follow.
        grace: Seconds in which a person may take an answer back; nothing follows from it before.
    """

    def __init__(self, *, lifetime: float, grace: float = 0.0) -> None:
        self.resumer: Resumer | None = None
        self.followers: dict[str, Follower] = {}
        self._lifetime = lifetime
        self._grace = grace

    async def by_person(
        self,
        tx: Tx,
        held: Held,
        verdict: Literal["approve", "reject"],
        voice: Voice,
        *,
        reason: str,
        screen: str | None,
    ) -> Answer:
        """Store a person's verdict; the question closes when it settles it, else it waits for more voices.

        Raises:
            NotWaitingError: Nothing waits for it any more; the caller's transaction must not commit.
        """
        given = await self._voice(tx, held, verdict, voice, reason, screen)
        voices = await voices_on(tx, held.item.id)
        quorum = held.proposal.quorum
        heard = len(count(quorum, voices))
        stops = verdict == "reject" and (quorum.reject_stops or voice.by.id in involved(held.proposal))
        answer = _answer(held, verdict, by=voice.by.id, reason=reason, approval=given)
        if not stops and (verdict == "reject" or unmet(quorum, voices) is not None):
            await tx.execute(Q.voted_item, {"id": held.item.id, "given": heard})
            await append(tx, _entry(held, answer, "voted", voice, verdict=verdict, given=heard))
            return pending(held, voices, voice.by.id)
        grace = self._grace or None
        await self._close(tx, held, answer, voice, given=heard, grace=grace)
        if grace is None and not await self.tell(tx, held, answer):
            raise NotWaitingError(
                f"the run behind {held.item.title!r} does not wait for this any more; nothing was decided",
                proposal=held.item.id,
            )
        return answer

    async def by_silence(self, tx: Tx, held: Held) -> Answer:
        """Store that nobody answered in time: *no*."""
        reason = f"nobody answered before {held.item.deadline}"
        answer = _answer(held, "expire", by=SYSTEM_ID, reason=reason)
        await self._close(tx, held, answer)
        await self.tell(tx, held, answer)
        return answer

    async def withdrawn(self, tx: Tx, held: Held, *, by: str, reason: str) -> Answer:
        """Store that the question is no longer asked; whoever withdrew knows already and is not told."""
        answer = _answer(held, "withdraw", by=by, reason=reason)
        await self._close(tx, held, answer)
        return answer

    async def undone(self, tx: Tx, held: Held, by: str, own: Approval) -> None:
        """Take back the voice ``own``; what it had closed is asked again."""
        await tx.execute(Q.undo_approval, {"id": own.id})
        heard = len(count(held.proposal.quorum, await voices_on(tx, held.item.id)))
        await tx.execute(Q.reopen_item, {"id": held.item.id, "given": heard})
        await append(
            tx,
            AuditEntry(
                kind="decisions.undone",
                actor=by,
                run=held.proposal.run,
                proposal=held.item.id,
                approval=own.id,
                refs=(held.subject,),
            ),
        )

    async def tell(self, tx: Tx, held: Held, answer: Answer) -> bool:
        """Hand the answer on; False if nothing waits for it any more."""
        proposal = held.proposal
        if proposal.seeded:
            return True
        follower = _bound(self.followers, proposal.kind)
        if follower is not None:
            await follower.answered(tx, proposal, answer)
        if proposal.run is None or proposal.key is None:
            return True
        if self.resumer is None:
            raise UsageError(
                f"run {proposal.run!r} waits for this answer, but nothing here resumes runs; bind a Resumer",
                code="decisions.unbound",
            )
        return await self.resumer.resume(tx, proposal.run, proposal.key, answer) is not False

    async def _voice(
        self, tx: Tx, held: Held, verdict: str, voice: Voice, reason: str, screen: str | None
    ) -> UUID:
        quorum = held.proposal.quorum
        id = new_id()
        await tx.execute(
            Q.insert_approval,
            {
                "id": id,
                "proposal": held.item.id,
                "approver": voice.by.id,
                "verdict": verdict,
                "reason": reason,
                "at": held.now,
                "grace": self._grace,
                "lifetime": self._lifetime,
                "delegated_by": voice.stands_for,
                "screen": screen,
                "groups": sorted(voice.by.groups & {*quorum.groups, *quorum.distinct_from}),
                "linked": [*voice.linked],
                "blind": held.item.blind,
            },
        )
        return id

    async def _close(
        self,
        tx: Tx,
        held: Held,
        answer: Answer,
        voice: Voice | None = None,
        *,
        given: int | None = None,
        grace: float | None = None,
    ) -> None:
        await tx.execute(
            Q.answer_item,
            {
                "id": held.item.id,
                "state": STATES[answer.verdict],
                "answer": canonical(answer).decode(),
                "at": answer.at,
                "given": given,
                "grace": grace,
            },
        )
        await append(tx, _entry(held, answer, STATES[answer.verdict], voice))


async def voices_on(tx: Tx, proposal: UUID) -> tuple[Approval, ...]:
    """Return every verdict on a proposal that was not taken back, the first first."""
    rows = await tx.fetch_all(Q.approvals_of, {"id": proposal})
    return tuple(one for one in (approval_of(row) for row in rows) if one.undone_at is None)


def pending(held: Held, voices: Sequence[Approval], by: str) -> Answer:
    """Return what a person gets whose voice is stored while more are needed."""
    own = next(voice for voice in voices if voice.approver == by)
    return replace(_answer(held, "pending", by=by, reason=own.reason, approval=own.id), at=own.at)


def _bound(followers: Mapping[str, Follower], kind: str) -> Follower | None:
    """Return who takes the answers of a kind; ordinary decisions do without one."""
    if kind not in followers and kind != "decision":
        raise UsageError(
            f"nothing here takes answers of kind {kind!r}; answer it where that part runs",
            code="decisions.unbound",
        )
    return followers.get(kind)


def _entry(held: Held, answer: Answer, what: str, voice: Voice | None, **more: str | int) -> AuditEntry:
    body = {
        "topic": held.item.topic[:SHOWN],
        "reason": answer.reason[:SHOWN],
        "delegated_by": None if voice is None else voice.stands_for,
    }
    return AuditEntry(
        kind=f"decisions.{what}",
        actor=answer.by,
        run=held.proposal.run,
        proposal=held.item.id,
        approval=answer.approval,
        refs=(held.subject,),
        body=body | more,
    )


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
