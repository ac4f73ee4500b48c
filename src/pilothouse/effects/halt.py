"""Owns the halt switch: a row that every intent reads in its own transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pilothouse.audit import AuditEntry, append
from pilothouse.effects.types import Halt
from pilothouse.kernel import RIGHTS, Authority, DeniedError, Principal, UsageError, require
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.storage import Database, Tx

__all__ = ["AGENT", "ALL", "RIGHT", "SITE", "halts", "require_running", "scopes_of", "switch"]

Q = load_queries("pilothouse.effects")
ALL = "*"
AGENT = "agent:"
SITE = "site:"
RIGHT = "effects:halt"
CHANNEL = "effects_halt"


def scopes_of(tool: str, principal: Principal, site: str, version: str) -> tuple[str, ...]:
    """Return every switch that can stop such an effect."""
    scopes = [ALL, tool]
    scopes += [f"{SITE}{site}"] if site else []
    agents = {version, principal.agent.id if principal.agent else ""} - {""}
    return (*scopes, *(f"{AGENT}{name}" for name in sorted(agents)))


async def require_running(tx: Tx, scopes: Sequence[str]) -> None:
    """Refuse if one of these is halted; keeps the switches still until ``tx`` ends.

    Raises:
        DeniedError: ``effects.halted``.
    """
    for row in await tx.fetch_all(Q.halts_for, {"scopes": list(scopes)}):
        if row["halted"]:
            what = "all effects are" if row["scope"] == ALL else f"{row['scope']!r} is"
            raise DeniedError(
                f"{what} halted by {row['by']!r} since {row['at']}: {row['reason']}; it must be lifted first",
                code="effects.halted",
                reasons=("effects.halted",),
            )


async def switch(
    database: Database,
    scope: str,
    *,
    halted: bool,
    by: Principal,
    reason: str,
    authority: Authority = RIGHTS,
) -> tuple[str, ...]:
    """Switch a scope and return the ids of the effects in flight in it.

    Raises:
        DeniedError: ``policy.denied``, or a service that wants to lift.
        UsageError: ``effects.reason_missing``.
    """
    require(by, RIGHT, authority=authority)
    if not halted and by.kind != "person":
        raise DeniedError(
            f"{by.id!r} is a {by.kind}; only a person may lift a halt", code="effects.not_a_person"
        )
    if not reason.strip():
        raise UsageError(f"switching needs a reason, got {reason!r}; say why", code="effects.reason_missing")
    async with database.transaction() as tx:
        # Locking this row waits for every intent under way, whatever its tool.
        await tx.execute(Q.lock_halts)
        await tx.execute(
            Q.switch_halt, {"scope": scope, "halted": halted, "by": by.id, "reason": reason.strip()}
        )
        kind = "effects.halted" if halted else "effects.lifted"
        await append(
            tx, AuditEntry(kind=kind, actor=by.id, body={"scope": scope, "reason": reason.strip()[:500]})
        )
        rows = await tx.fetch_all(Q.in_flight, {"scope": scope})
        await tx.notify(CHANNEL, scope)
    return tuple(row["effect_id"] for row in rows)


async def halts(database: Database) -> tuple[Halt, ...]:
    """Return every switch that was ever touched."""
    rows = await database.fetch_all(Q.halts)
    return tuple(
        Halt(scope=row["scope"], halted=row["halted"], by=row["by"], reason=row["reason"], at=row["at"])
        for row in rows
    )
