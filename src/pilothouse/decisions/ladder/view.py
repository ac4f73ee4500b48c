"""Owns what can be read of the ladder: standings, the rung in an intent, the lot, cases, moves, switches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilothouse.decisions.ladder.draws import drawn
from pilothouse.decisions.ladder.labels import cases
from pilothouse.decisions.ladder.maths.selection import Selection, select
from pilothouse.decisions.ladder.moves import CHANNEL
from pilothouse.decisions.ladder.policy import LadderPolicy
from pilothouse.decisions.ladder.rows import key_of, require_rung, standing_of, unit_values
from pilothouse.decisions.ladder.switch import switches
from pilothouse.decisions.ladder.types import Case, Drop, Move, Rung, Standing, Unit, Waiver
from pilothouse.kernel import UsageError
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.storage import Database, Tx

__all__ = ["LadderView"]

Q = load_queries("pilothouse.decisions.ladder")


class LadderView:
    """Reads the ladder and moves nothing.

    Args:
        database: Where rungs, labels and certificates are.
        policy: What the owner signed; the default is the house's.
    """

    def __init__(self, database: Database, *, policy: LadderPolicy | None = None) -> None:
        self._database = database
        self._policy = policy or LadderPolicy()
        self._key: bytes | None = None
        self._known: dict[Unit, Standing] = {}
        self._listening = False
        self._turn = 0

    @property
    def policy(self) -> LadderPolicy:
        """What the owner signed."""
        return self._policy

    @property
    def fresh(self) -> bool:
        """Whether ``keep_fresh`` runs here, so that standings come from memory."""
        return self._listening

    async def standing(self, unit: Unit) -> Standing:
        """Return where ``unit`` stands; from memory while ``keep_fresh`` runs, else from its row."""
        unit = self._policy.counted_as(unit)
        await self._ready()
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

    async def standings(self) -> tuple[Standing, ...]:
        """Return where every unit stands."""
        rows = await self._database.fetch_all(Q.units)
        return tuple([await self.standing(Unit(**row)) for row in rows])

    async def cases(self, unit: Unit, *, limit: int = 10_000) -> tuple[Case, ...]:
        """Return the labelled cases of a unit, latest first."""
        return await cases(self._database, self._policy.counted_as(unit), limit=limit)

    async def moves(self, unit: Unit, *, limit: int = 100) -> tuple[Move, ...]:
        """Return how a unit moved, latest first."""
        unit = self._policy.counted_as(unit)
        rows = await self._database.fetch_all(Q.moves, {**unit_values(unit), "limit": limit})
        return tuple(
            Move(
                unit=unit,
                before=Rung(row["before"]),
                after=Rung(row["after"]),
                why=row["why"],
                reason=row["reason"],
                by=row["by"],
                at=row["at"],
            )
            for row in rows
        )

    async def drops(self) -> tuple[Drop, ...]:
        """Return every switch and who touched it last."""
        return await switches(self._database)

    async def waivers(self) -> tuple[Waiver, ...]:
        """Return the waivers in force."""
        rows = await self._database.fetch_all(Q.waivers)
        return tuple(
            Waiver(
                action=row["action"],
                tier=row["tier"],
                site=row["site"],
                rung=Rung(row["rung"]),
                signers=tuple(row["signers"]),
                reason=row["reason"],
                until=row["until"],
            )
            for row in rows
        )

    async def selection(self, unit: Unit, *, delta: float = 0.05) -> Selection:
        """Return above which confidence the unit's counted cases prove the error share of its class.

        Run what stands above the threshold as an action class of its own; the rest goes to people.
        """
        known = [case for case in await self.cases(unit) if case.counted and case.confidence is not None]
        pairs = [(case.confidence or 0.0, case.wrong) for case in known]
        return select(pairs, eps=self._policy.eps_of(unit), delta=delta)

    async def _ready(self) -> None:
        """Have the key of the lot."""
        if self._key is None:
            self._key = await key_of(self._database)

    async def _lot(self, case: str, share: float) -> bool:
        await self._ready()
        return self.drawn(case, share)

    def _forget(self) -> None:
        self._turn += 1
        self._known.clear()
