"""Owns what time does to the queue: answers settle, people are reminded, silence becomes *no*."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from pilothouse.audit import AuditEntry, append
from pilothouse.decisions.answering.answers import Answers
from pilothouse.decisions.answering.held import hold
from pilothouse.decisions.answering.turn import Turns
from pilothouse.decisions.asking.propose import seconds_to
from pilothouse.decisions.ports import Reminder
from pilothouse.decisions.types import Answer
from pilothouse.storage import Query, load_queries

if TYPE_CHECKING:
    from pilothouse.storage import Database

__all__ = ["Clockwork"]

Q = load_queries("pilothouse.decisions")
T = TypeVar("T")


class Clockwork:
    """Each item in its own transaction, so that a broken one does not hold up the others."""

    def __init__(self, database: Database, answers: Answers, turns: Turns) -> None:
        self.reminder: Reminder | None = None
        self._database = database
        self._answers = answers
        self._turns = turns

    async def tick(self, *, limit: int) -> tuple[Answer, ...]:
        """Hand on what has settled, remind and escalate, then answer *no* to what is overdue.

        Raises:
            PilothouseError: Some failed (the first error); the others were done.
        """
        failures: list[Exception] = []
        for due, act in ((Q.due_answers, self._hand_on), (Q.due_steps, self._remind)):
            await self._each(due, act, limit, failures)
        answers = await self._each(Q.due_items, self.expire, limit, failures)
        if failures:
            raise failures[0]
        return tuple(answers)

    async def _each(
        self, due: Query, act: Callable[[UUID], Awaitable[T | None]], limit: int, failures: list[Exception]
    ) -> list[T]:
        done: list[T] = []
        for row in await self._database.fetch_all(due, {"limit": limit}):
            try:
                result = await act(row["proposal"])
            except Exception as error:
                failures.append(error)
                continue
            done += [] if result is None else [result]
        return done

    async def expire(self, id: UUID) -> Answer | None:
        """Answer *no* to an open item past its deadline; None if it is not."""
        async with self._database.transaction() as tx:
            held = await hold(tx, id, None)
            if held.item.state != "open" or not held.late:
                return None
            return await self._answers.by_silence(tx, held)

    async def _hand_on(self, id: UUID) -> None:
        """Tell whoever waits for an answer that nobody may take back any more."""
        async with self._database.transaction() as tx:
            held = await hold(tx, id, None)
            answer, until = held.item.answer, held.item.undo_until
            if answer is None or until is None or until > held.now:
                return
            if await self._answers.tell(tx, held, answer):
                await tx.execute(Q.told_item, {"id": id})
                return
        await self._turns.gone(id, f"the run behind {held.item.title!r} does not wait for this any more")

    async def _remind(self, id: UUID) -> None:
        """Take the next step of an item's escalation."""
        async with self._database.transaction() as tx:
            held = await hold(tx, id, None)
            steps, done = held.proposal.escalation, held.item.reminded
            if held.item.state != "open" or done >= len(steps):
                return
            to = steps[done].to
            values = {"id": id, "to": to, "next": seconds_to(held.proposal, done + 1)}
            await tx.execute(Q.step_item, values)
            entry = AuditEntry(
                kind=f"decisions.{'escalated' if to else 'reminded'}",
                actor="system",
                run=held.proposal.run,
                proposal=id,
                refs=(held.subject,),
                body={"to": to[:200], "step": done + 1},
            )
            await append(tx, entry)
            if self.reminder is not None:
                await self.reminder.remind(tx, (await hold(tx, id, None)).item, to)
