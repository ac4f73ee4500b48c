"""Owns what must hold before a person's yes, no or second thought is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pilothouse.decisions.answering.answers import Answers, pending, voices_on
from pilothouse.decisions.answering.held import Held
from pilothouse.decisions.people.access import require_confirmed
from pilothouse.decisions.people.duties import require_apart, require_counted, require_independent
from pilothouse.decisions.people.sight import require_readable
from pilothouse.decisions.types import Answer
from pilothouse.kernel import ConflictError, Principal, UsageError

if TYPE_CHECKING:
    from pilothouse.decisions.answering.turn import Act, Said
    from pilothouse.storage import Tx

__all__ = ["Saying"]


class Saying:
    """Makes the acts that a turn runs: what is checked, in which order, and what is stored."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    def yes(self, by: Principal, *, typed: str | None, reason: str, screen: str | None) -> Act[Answer]:
        """Return the act of saying yes."""

        async def act(tx: Tx, held: Held) -> Answer:
            proposal, voice = held.proposal, held.voice(by)
            require_readable(by, held.closed)
            require_independent(voice, proposal)
            require_counted(voice, proposal, await voices_on(tx, held.item.id))
            require_confirmed(proposal, typed)
            await require_apart(tx, voice, proposal)
            return await self._answers.by_person(tx, held, "approve", voice, reason=reason, screen=screen)

        return act

    def no(self, by: Principal, reason: str, *, screen: str | None) -> Act[Answer]:
        """Return the act of saying no.

        Raises:
            UsageError: ``decisions.reason_missing``.
        """
        words = reason.strip()
        if not words:
            raise UsageError(
                f"rejecting needs a reason, got {reason!r}; say in a few words why",
                code="decisions.reason_missing",
            )

        async def act(tx: Tx, held: Held) -> Answer:
            return await self._answers.by_person(
                tx, held, "reject", held.voice(by), reason=words, screen=screen
            )

        return act

    def said(self, verdict: Literal["approve", "reject"], by: Principal) -> Said[Answer]:
        """Return what finds that the question, or ``by``, said ``verdict`` before."""

        async def find(tx: Tx, held: Held) -> Answer | None:
            if held.item.state != "open":
                return held.same(verdict)
            voices = await voices_on(tx, held.item.id)
            own = next((one for one in voices if one.approver == by.id), None)
            if own is None:
                return None
            if own.verdict != verdict:
                raise ConflictError(
                    f"{held.item.title!r}: you said {own.verdict!r} on {own.at}; undo that first",
                    code="decisions.answered",
                )
            return pending(held, voices, by.id)

        return find

    async def undo(self, tx: Tx, held: Held, by: Principal) -> None:
        """Take back what ``by`` said.

        Raises:
            ConflictError: ``decisions.undo``.
        """
        item = held.item
        own = next((one for one in await voices_on(tx, item.id) if one.approver == by.id), None)
        decided = item.answer is not None and (own is None or item.answer.approval != own.id)
        in_time = item.state == "open" or (item.undo_until is not None and item.undo_until > held.now)
        if own is None or decided or not in_time:
            raise ConflictError(
                f"{item.title!r}: nothing of yours can be taken back any more; ask anew instead",
                code="decisions.undo",
            )
        await self._answers.undone(tx, held, by.id, own)
