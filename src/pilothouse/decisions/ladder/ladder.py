"""Owns the ladder: what a unit may do today, and everything that moves it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilothouse.decisions.ladder.draws import drawn
from pilothouse.decisions.ladder.policy import LadderPolicy
from pilothouse.decisions.ladder.rows import key_of, require_rung, standing_of, unit_values
from pilothouse.decisions.ladder.types import Rung, Standing, Unit
from pilothouse.kernel import UsageError
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.decisions.inbox import Inbox
    from pilothouse.storage import Database, Tx

__all__ = ["Ladder"]

Q = load_queries("pilothouse.decisions.ladder")
CHANNEL = "ladder_moved"


class Ladder:
    """What each unit may do alone.

    A rung is statistics, not a shield: it answers only whether a person must see each case.

    Args:
        database: Where rungs, labels and certificates are.
        inbox: Where promotions are asked for.
        policy: What the owner signed; the default is the house's.
    """

    def __init__(self, database: Database, inbox: Inbox, *, policy: LadderPolicy | None = None) -> None:
        self._database = database
        self._inbox = inbox
        self._policy = policy or LadderPolicy()
        self._key: bytes | None = None
        self._known: dict[Unit, Standing] = {}
        self._listening = False
        self._turn = 0

    @property
    def policy(self) -> LadderPolicy:
        """What the owner signed."""
        return self._policy

    async def standing(self, unit: Unit) -> Standing:
        """Return where ``unit`` stands; from memory while ``keep_fresh`` runs, else from its row."""
        unit = self._policy.counted_as(unit)
        if self._key is None:
            self._key = await key_of(self._database)
        if self._listening and unit in self._known:
            return self._known[unit]
        turn = self._turn
        row = await self._database.fetch_one(Q.standing, unit_values(unit))
        found = standing_of(row, unit, self._policy)
        if self._listening and turn == self._turn:
            self._known[unit] = found
        return found

    async def require_rung(self, tx: Tx, unit: Unit, rung: Rung) -> None:
        """Refuse unless ``unit`` stands at ``rung`` or higher now; keeps it there until ``tx`` ends.

        Read it in the transaction of the intent: a drop that has committed stops everything after it.

        Raises:
            DeniedError: ``ladder.below``: ask a person.
        """
        await require_rung(tx, self._policy.counted_as(unit), rung)

    def drawn(self, effect_id: str, share: float) -> bool:
        """Whether the lot says that a person reviews this effect; ask for the standing first.

        Raises:
            UsageError: ``ladder.no_key``: no standing was read here yet.
        """
        if self._key is None:
            raise UsageError(
                "the lot has no key yet; read the unit's standing before drawing", code="ladder.no_key"
            )
        return drawn(self._key, effect_id, share)

    async def keep_fresh(self) -> None:
        """Serve standings from memory and forget them when another process moves something. Runs forever."""
        async with self._database.listen(CHANNEL) as notes:
            self._forget()
            self._listening = True
            try:
                async for _ in notes:
                    self._forget()
            finally:
                self._listening = False

    def _forget(self) -> None:
        self._turn += 1
        self._known.clear()
