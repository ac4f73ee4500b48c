"""Owns standing delegations: one person stands in for another, on one topic, until a date, never further."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pilothouse.audit import AuditEntry, append
from pilothouse.decisions.people.access import AREA, require_person
from pilothouse.kernel import Authority, DeniedError, Principal, UsageError, new_id
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.storage import Database, Tx

__all__ = ["Delegation", "Delegations", "bonds_of"]

Q = load_queries("pilothouse.decisions")
SHOWN = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Delegation:
    """One person stands in for another: what is asked of the giver, the taker may answer, as "B for A".

    Attributes:
        id: UUIDv7.
        giver: Who is stood in for.
        taker: Who stands in; needs the right as well.
        scope: The topic, as in ``decisions:<topic>``.
        until: When it ends.
        at: Since when.
        reason: In the giver's words.
    """

    id: UUID
    giver: str
    taker: str
    scope: str
    until: datetime
    at: datetime
    reason: str


async def bonds_of(tx: Tx, who: Principal, topic: str) -> tuple[tuple[str, str], ...]:
    """Return (giver, taker) of every delegation in force that binds ``who`` within ``topic``."""
    rows = await tx.fetch_all(Q.standing_for, {"scope": topic, "who": who.id})
    return tuple((row["giver"], row["taker"]) for row in rows)


class Delegations:
    """Gives, lists and ends standing delegations.

    Depth is one: who stands in for A answers what is asked of A, not what A answers for others. It adds no
    right: giver and taker both hold ``decisions:<topic>``, at the start and at each answer.
    """

    def __init__(self, database: Database, *, authority: Authority) -> None:
        self._database = database
        self._authority = authority

    async def give(
        self, by: Principal, to: Principal, *, scope: str, until: datetime, reason: str = ""
    ) -> Delegation:
        """Let ``to`` stand in for ``by`` on the topic ``scope`` until a date.

        Raises:
            DeniedError: ``decisions.not_a_person``; ``policy.denied``: one of the two lacks the right.
            UsageError: ``decisions.delegate``: to oneself, without a scope, or until the past.
        """
        for one in (by, to):
            require_person(one)
            if not self._authority.may(one, AREA + scope):
                raise DeniedError(
                    f"{one.id!r} may not answer {scope!r}; both who gives and who takes need the right",
                    code="policy.denied",
                    reasons=(f"missing:{AREA}{scope}",),
                )
        now: datetime = await self._database.fetch_value(Q.clock)
        if by.id == to.id or not scope or until.tzinfo is None or until <= now:
            raise UsageError(
                f"cannot let {to.id!r} stand in for {by.id!r} on {scope!r} until {until}: name a colleague, "
                "a topic and a time to come with its zone",
                code="decisions.delegate",
            )
        given = Delegation(
            id=new_id(), giver=by.id, taker=to.id, scope=scope, until=until, at=now, reason=reason
        )
        values = {name: getattr(given, name) for name in Delegation.__dataclass_fields__}
        async with self._database.transaction() as tx:
            await tx.execute(Q.insert_standing, values)
            await _log(tx, "delegation_given", by, {"to": to.id, "scope": scope, "until": until.isoformat()})
        return given

    async def of(self, who: Principal) -> tuple[Delegation, ...]:
        """Return what ``who`` gave and took, in force now, the first to end first."""
        rows = await self._database.fetch_all(Q.list_standing, {"who": who.id})
        return tuple(Delegation(**row) for row in rows)

    async def revoke(self, id: UUID, by: Principal) -> None:
        """End a delegation now: the giver may, and whoever holds ``decisions:delegations``.

        Raises:
            UsageError: ``decisions.not_found``: there is none in force that ``by`` may end.
        """
        require_person(by)
        values = {"id": id, "by": by.id, "any": self._authority.may(by, f"{AREA}delegations")}
        async with self._database.transaction() as tx:
            row = await tx.fetch_one(Q.revoke_standing, values)
            if row is None:
                raise UsageError(
                    f"there is no delegation {str(id)!r} that you may end; list yours",
                    code="decisions.not_found",
                )
            await _log(tx, "delegation_ended", by, {name: row[name] for name in ("giver", "taker", "scope")})


async def _log(tx: Tx, what: str, by: Principal, body: dict[str, str]) -> None:
    shown = {name: text[:SHOWN] for name, text in body.items()}
    await append(tx, AuditEntry(kind=f"decisions.{what}", actor=by.id, body=shown))
