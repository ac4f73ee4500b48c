"""Owns one person's turn at one item: locked, unless the same was said before or its time has passed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from pilothouse.decisions.answering.answers import Answers, NotWaitingError
from pilothouse.decisions.answering.held import Held, hold, require_changeable
from pilothouse.decisions.people.access import require_person
from pilothouse.kernel import Authority, ConflictError, Principal
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.storage import Database, Tx

__all__ = ["Act", "Said", "Turns"]

Q = load_queries("pilothouse.decisions")
T = TypeVar("T")
Act = Callable[["Tx", Held], Awaitable[T]]
Said = Callable[["Tx", Held], Awaitable[T | None]]
TRIES = 3


class Turns:
    """Runs what a person does to an item inside a transaction that holds it."""

    def __init__(self, database: Database, answers: Answers, *, authority: Authority) -> None:
        self._database = database
        self._answers = answers
        self._authority = authority

    async def take(
        self,
        id: UUID,
        by: Principal,
        version: int | None,
        act: Act[T],
        *,
        said: Said[T],
        take_over: bool = False,
    ) -> T:
        """Run ``act`` on the locked item, unless ``said`` finds that the same was said before.

        Raises:
            DeniedError: ``decisions.not_a_person``.
            ConflictError: See ``require_changeable``; ``decisions.expired``, ``decisions.withdrawn``.
        """

        async def once() -> T:
            return await self.once(id, by, version, act, said=said, take_over=take_over)

        return await self._again(by, once)

    async def take_all(
        self,
        ids: Sequence[UUID],
        by: Principal,
        act: Act[T],
        *,
        said: Said[T],
        fit: Callable[[Sequence[Held]], None],
    ) -> tuple[T, ...]:
        """Run ``act`` on several items in one transaction, all or none, if ``fit`` lets them go together.

        Raises as ``take`` does.
        """

        async def once() -> tuple[T, ...]:
            async with self._database.transaction() as tx:
                # Locked in one order, so that two batches never wait for each other.
                held = {id: await hold(tx, id, by, self._authority) for id in sorted(ids)}
                fit([*held.values()])
                done = {id: await self._one_of_many(tx, one, by, act, said) for id, one in held.items()}
            return tuple(done[id] for id in ids)

        return await self._again(by, once)

    async def _one_of_many(self, tx: Tx, held: Held, by: Principal, act: Act[T], said: Said[T]) -> T:
        before = await said(tx, held)
        if before is not None:
            return before
        require_changeable(held, by, None)
        if held.late:
            raise late(held)
        return await act(tx, held)

    async def _again(self, by: Principal, once: Callable[[], Awaitable[T]]) -> T:
        require_person(by)
        tries = 1
        while True:
            try:
                return await once()
            except NotWaitingError as gone:
                await self.gone(gone.proposal, gone.message)
                raise
            except ConflictError as error:
                # The engine may meet the wait by another subject at this moment and lock its rows first.
                if error.code != "storage.serialization" or tries == TRIES:
                    raise
                tries += 1

    async def once(
        self,
        id: UUID,
        by: Principal,
        version: int | None,
        act: Act[T],
        *,
        said: Said[T],
        take_over: bool,
    ) -> T:
        """Take the turn in a transaction of its own, without a second try."""
        async with self._database.transaction() as tx:
            held = await hold(tx, id, by, self._authority)
            before = await said(tx, held)
            if before is not None:
                return before
            require_changeable(held, by, version, take_over=take_over)
            if not held.late:
                return await act(tx, held)
            await self._answers.by_silence(tx, held)
        raise late(held)

    async def gone(self, id: UUID, reason: str) -> None:
        """Withdraw an item that no run waits for, unless someone did already."""
        async with self._database.transaction() as tx:
            held = await hold(tx, id, None)
            if held.item.state == "open" or held.item.undo_until is not None:
                await self._answers.withdrawn(tx, held, by="system", reason=reason)


def late(held: Held) -> ConflictError:
    """Return the error for an answer after the deadline."""
    return ConflictError(
        f"{held.item.title!r} was due {held.item.deadline} and expired as no; ask again if need be",
        code="decisions.expired",
    )
